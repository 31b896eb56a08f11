# SPDX-License-Identifier: Apache-2.0
"""Graceful restarts: nobody is signed out, nothing fails."""

import concurrent.futures

from lib import site as sites


def test_a_graceful_restart_keeps_sessions_and_sign_ins(serve, sim, visit, mpm):
    httpd = serve(sites.protected(sim), fresh=True, mpm=mpm)
    browser = visit(httpd)
    browser.sign_in()
    other = visit(httpd)
    callback = other.scan("lisi", other.begin())
    for _ in range(3):
        httpd.graceful()
        assert browser.navigate("/app/").status == 200
    assert other.follow(other.come_back(callback)).status == 200


def test_graceful_restarts_under_load_lose_nothing(serve, sim, visit):
    httpd = serve(sites.protected(sim), fresh=True)
    browser = visit(httpd)
    browser.sign_in()
    done = False

    def load():
        count = 0
        while not done:
            assert browser.tab().fetch("/app/data.txt").status == 200
            count += 1
        return count

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        jobs = [pool.submit(load) for _ in range(4)]
        try:
            for _ in range(5):
                httpd.graceful()
        finally:
            done = True
        assert all(job.result() > 0 for job in jobs)
