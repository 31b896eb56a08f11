# SPDX-License-Identifier: Apache-2.0
"""What the tests stand on: real servers on loopback and a client that behaves like a browser."""
