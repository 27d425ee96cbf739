"""Where the files of bundles, exits and runtimes lie below an exec root. Names only; nothing is opened."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Layout:
    exec_root: str

    @property
    def bundles(self) -> str:
        return f"{self.exec_root}/bundles"

    @property
    def exits(self) -> str:
        return f"{self.exec_root}/exits"

    def runtime_root(self, runtime: str) -> str:
        """State of all containers of one runtime; its `--root`."""
        return f"{self.exec_root}/runtime/{runtime}"

    @property
    def programs(self) -> str:
        """Links to copies of the runtimes' programs (oci/copies.py)."""
        return f"{self.exec_root}/programs"

    def bundle(self, id: str) -> str:
        return f"{self.bundles}/{id}"

    def exit(self, id: str) -> str:
        return f"{self.exits}/{id}"

    def config(self, id: str) -> str:
        return f"{self.bundle(id)}/config.json"

    def record(self, id: str) -> str:
        """Who was started for the container (oci/record.py)."""
        return f"{self.bundle(id)}/record.json"

    def pidfile(self, id: str) -> str:
        return f"{self.bundle(id)}/pid"

    def attach(self, id: str) -> str:
        return f"{self.bundle(id)}/attach"

    def control(self, id: str) -> str:
        return f"{self.bundle(id)}/ctl"

    def oom(self, id: str) -> str:
        """Made by conmon, which looks for no other place than its working directory."""
        return f"{self.bundle(id)}/oom"
