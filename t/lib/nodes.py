# SPDX-License-Identifier: Apache-2.0
"""Several httpds that are one site, and browsers that reach them through a load balancer."""

import itertools

from . import site as sites, wire
from .patient import Patient

KEY = "one key that all nodes have in common"


class Roaming(Patient):
    """A browser whose every request is answered by the next node in turn.

    It knows the site by the address of its first node, as it would know a balancer's.
    """

    def __init__(self, nodes, simulator=None, turn=0, **options):
        super().__init__(nodes[0], simulator, **options)
        self.nodes = self.answering = nodes
        self.turns = itertools.cycle([*nodes[turn:], *nodes[:turn]])

    def tab(self, **changes):
        """Another tab of the same browser, on the same site."""
        return Roaming(self.nodes, self.simulator, **{
            "host": self.host, "language": self.language, "jar": self.jar, **changes})

    def servers(self):
        """Whose logs say why."""
        return self.answering

    def raw(self, data):
        """Send bytes to the next node."""
        return wire.exchange(next(self.turns).port, data)


def at(node, browser):
    """The same browser, all of whose requests a balancer sends to this one node from now on."""
    other = Roaming([browser.httpd], browser.simulator, jar=browser.jar, host=browser.host)
    other.turns, other.answering = itertools.repeat(node), [node]
    return other


def cluster(serve, config, count=2, **options):
    """So many httpds of the same configuration, each with a folder of its own.

    fresh=True: for this test alone, as tests want that stop one or change its configuration.
    """
    return [serve(config, env={"NODE": str(number)}, **options)
            for number in range(count)]


def member_of_cluster(sim, database, *lines, **changes):
    """The configuration of a node: what all of them must have in common, and more lines."""
    return sites.protected(sim, *lines, **{
        "DingTalkDatabase": database, "DingTalkKey": f'"{KEY}"', **changes})
