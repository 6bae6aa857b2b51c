"""A real Elasticsearch 9 node for the tests: one node, security off, on a free loopback port.

The server is fetched once (elasticsearch.sh) into a cache outside the checkout: ``WEICHENG_CACHE``, or the user's cache folder
when the server, which refuses root, can reach it, or /var/tmp/weicheng-cache.
"""

import json
import os
import re
import shutil
import signal
import stat
import subprocess
import urllib.error
import urllib.request
from pathlib import Path

from tests.support.process import Missing, Server, server_folder

VERSION = "9.4.3"
FETCH = Path(__file__).with_suffix(".sh")
JDK = 21


def cache() -> Path:
    """The folder that keeps what is fetched once."""
    if chosen := os.environ.get("WEICHENG_CACHE"):
        return Path(chosen).absolute()
    home = Path.home()
    if os.geteuid() != 0 or all(folder.stat().st_mode & stat.S_IXOTH for folder in (home, *home.parents)):
        return home / ".cache" / "weicheng"
    return Path("/var/tmp/weicheng-cache")


def jdk() -> Path:
    """A full JDK of 21 or later (a JRE lacks modules that the server asks for); Missing if there is none."""
    named = [Path(os.environ[name]) for name in ("ES_JAVA_HOME", "JAVA_HOME") if os.environ.get(name)]
    for home in [*named, *sorted(Path("/usr/lib/jvm").glob("*"), reverse=True)]:
        if (home / "bin" / "javac").exists() and _major(home / "release") >= JDK:
            return home
    raise Missing(f"Elasticsearch needs a JDK of {JDK} or later; set ES_JAVA_HOME to one")


def _major(release: Path) -> int:
    try:
        found = re.search(r'^JAVA_VERSION="(\d+)', release.read_text(), re.MULTILINE)
    except OSError:
        return 0
    return int(found[1]) if found else 0


def distribution() -> Path:
    """The server's folder, fetched when it is not there (950 MB, some minutes)."""
    folder = cache() / f"elasticsearch-{VERSION}"
    if not folder.exists():
        if not shutil.which("mvn"):
            raise Missing("Elasticsearch is fetched by Maven: apt-get install maven unzip")
        subprocess.run([str(FETCH), str(folder)], check=True)
    return folder


class Elasticsearch:
    """One node for a test session."""

    def __init__(self) -> None:
        self._java = jdk()
        self._home = distribution()
        self._folder = server_folder("weicheng-elasticsearch-")
        self._server: Server | None = None
        self.url = ""

    def start(self) -> "Elasticsearch":
        """Start the node and wait until its cluster is at least yellow; clean up and raise if it does not come."""
        try:
            self._configure()
            self._launch().wait_until(self._answers, 240)
        except BaseException:
            self.stop()
            raise
        return self

    def _configure(self) -> None:
        for name in ("conf", "data", "logs", "tmp", "snapshots"):
            (self._folder / name).mkdir()
        for name in (
            "jvm.options",
            "log4j2.properties",
            "role_mapping.yml",
            "roles.yml",
            "users",
            "users_roles",
        ):
            if (self._home / "config" / name).exists():
                shutil.copy(self._home / "config" / name, self._folder / "conf")
        settings = {
            "cluster.name": "weicheng-tests",
            "discovery.type": "single-node",
            "network.host": "127.0.0.1",
            "http.port": 0,  # a free one; node.portsfile tells which
            "transport.port": 0,
            "node.portsfile": True,
            "path.data": str(self._folder / "data"),
            "path.logs": str(self._folder / "logs"),
            "path.repo": [str(self._folder / "snapshots")],
            "cluster.routing.allocation.disk.threshold_enabled": False,  # a full test machine is no full cluster
            "xpack.security.enabled": False,
        }
        (self._folder / "conf" / "elasticsearch.yml").write_text(json.dumps(settings))  # JSON is YAML
        if os.geteuid() == 0:
            for path in self._folder.rglob("*"):
                shutil.chown(path, "nobody", "nogroup")

    def _launch(self) -> Server:
        java = str(self._java / "bin" / "java")
        environment = {
            "PATH": os.environ["PATH"],
            "ES_HOME": str(self._home),
            "ES_PATH_CONF": str(self._folder / "conf"),
            "ES_TMPDIR": str(self._folder / "tmp"),
            "ES_DISTRIBUTION_TYPE": "zip",
            "ES_JAVA_OPTS": "-Xms512m -Xmx512m -XX:-AlwaysPreTouch -XX:TieredStopAtLevel=1",
            "CLI_JAVA_OPTS": "",
            "JAVA": java,
            "JAVA_TYPE": "ES_JAVA_HOME",
        }
        launcher = [
            *(java, "-Xmx64m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"),
            *("-cp", f"{self._home}/lib/tools/server-launcher/*"),
            "org.elasticsearch.server.launcher.ServerLauncher",
        ]
        log = self._folder / "start.log"
        # The launcher takes its working folder for the server's.
        self._server = Server("Elasticsearch", launcher, log, environment, signal.SIGTERM, self._home)
        return self._server

    def _answers(self) -> bool:
        try:
            addresses = (self._folder / "logs" / "http.ports").read_text().split()
            self.url = f"http://{addresses[0]}"
            health = f"{self.url}/_cluster/health?wait_for_status=yellow&timeout=5s"
            with urllib.request.urlopen(health, timeout=10) as answer:
                return bool(json.load(answer)["timed_out"] is False)
        except (OSError, IndexError, urllib.error.URLError):
            return False

    @property
    def pid(self) -> int:
        return self._server.pid if self._server else 0

    def stop(self) -> None:
        """End the node and remove all its files; the fetched server stays."""
        if self._server is not None:
            self._server.stop(60)
        shutil.rmtree(self._folder, ignore_errors=True)
