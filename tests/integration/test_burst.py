"""Many jobs in one moment."""

from __future__ import annotations

import os
import signal
import time

import pytest

from courser import Courser
from tests.forge.gitlab import GitLab

JOBS = 40


@pytest.mark.timeout(90)
def test_a_busy_spawner_is_asked_again(gitlab: GitLab, courser: Courser) -> None:
    """More sandboxes are wanted than requests fit its socket: the rest waits and none fails."""
    token = courser.write("token", gitlab.token + "\n")
    config = courser.write_config(concurrent=JOBS, listen_address="", runners=[
        {"name": "r", "url": gitlab.url, "token_file": str(token), "request_concurrency": JOBS}])
    courser.run(config)
    gitlab.queue(["true"]).wait()
    spawner = next(pid for pid, line in courser.processes() if line.startswith("spawner"))
    os.kill(spawner, signal.SIGSTOP)
    try:
        jobs = [gitlab.queue(["true"]) for _ in range(JOBS)]
        for job in jobs:
            job.wait_state("running", 30)
        time.sleep(1)
    finally:
        os.kill(spawner, signal.SIGCONT)
    for job in jobs:
        assert job.wait(40).state == "success", job.text
