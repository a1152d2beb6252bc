"""Certificates for one run: an authority of our own and what it signs, made by the openssl command."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

EC = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]


@dataclass
class Pair:
    """Files of a certificate and its key (PEM)."""

    cert: str
    key: str


class Authority:
    """`ca` is the file to trust."""

    def __init__(self, directory: Path, name: str = "ca") -> None:
        self.directory = directory
        self.name = name
        self.ca = str(directory / f"{name}.crt")
        self.key = str(directory / f"{name}.key")
        self.openssl("req", "-x509", *EC, "-keyout", self.key, "-out", self.ca, "-days", "2", "-subj", f"/CN={name}")

    @staticmethod
    def openssl(*args: str, data: str = "") -> None:
        subprocess.run(["openssl", *args], input=data.encode(), capture_output=True, check=True)

    def issue(self, name: str, alternative: str = "IP:127.0.0.1,DNS:localhost", days: int = 2) -> Pair:
        """A certificate for a server or a client; `alternative` are its names."""
        pair = Pair(str(self.directory / f"{self.name}-{name}.crt"), str(self.directory / f"{self.name}-{name}.key"))
        request = str(self.directory / f"{self.name}-{name}.csr")
        names = self.directory / f"{self.name}-{name}.ext"
        names.write_text(f"subjectAltName={alternative}\n")
        self.openssl("req", *EC, "-keyout", pair.key, "-out", request, "-subj", f"/CN={name}")
        self.openssl("x509", "-req", "-in", request, "-CA", self.ca, "-CAkey", self.key, "-CAcreateserial", "-days",
                     str(days), "-extfile", str(names), "-out", pair.cert)
        Path(pair.key).chmod(0o644)
        return pair
