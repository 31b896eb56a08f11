# SPDX-License-Identifier: Apache-2.0
"""A DingTalk on loopback, for tests and for administrators without a DingTalk account."""
