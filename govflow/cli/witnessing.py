"""``govflow audit witness``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter


def witness(
    *,
    logs: Annotated[tuple[str, ...], Parameter(name="--log", negative="")],
    name: str,
    key: Path = Path("witness.pem"),
    state: Path = Path("witness.db"),
    host: str = "127.0.0.1",
    port: int = 4310,
) -> int:
    """Run a witness for logs of others, in the foreground, until Ctrl-C or SIGTERM (C2SP tlog-witness).

    It keeps the last checkpoint of each log that it has cosigned, and cosigns only what grows from that: a log that was
    rolled back or forked gets no cosignature any more. Run it on another machine, as another person, than the log. The
    key is made at first use; what it prints is what the others check its cosignatures with.

    Example:  govflow audit witness --name witness.example/audit --log "$(cat log.key)"

    Args:
        logs: verifier keys of the logs that it witnesses, as `govflow audit keys` prints them. Of one log several.
        name: the name of its own key: a URL without its scheme, which need not lead anywhere.
        key: the file of its private key.
        state: the file in which it keeps what it has seen. Whoever takes it back takes back what it knows.
        host: where it listens. Beyond this machine put a server with TLS before it.
        port: of that address; 0 takes a free one.
    """
    from govflow.audit.cosignature import Cosigner
    from govflow.audit.spelling import Malformed
    from govflow.audit.verifier_key import VerifierKey, check_name
    from govflow.cli.audit import log_keys
    from govflow.cli.up import stopped_by_signals
    from govflow.errors import InputError, RequestError
    from govflow.services.key_files import key_folder, read_signing_key, write_new_key
    from govflow.services.serve_witness import Witness, serve
    from govflow.services.witness_state import WitnessState

    try:
        check_name(name)
    except Malformed as error:
        raise InputError(f"--name {name!r}: {error}.", mend="Write it as witness.example/audit.") from None
    known: dict[str, list[VerifierKey]] = {}
    for one in log_keys(logs):
        known.setdefault(one.name, []).append(one)
    file, kept = key.absolute(), state.absolute()
    with key_folder(file):
        if file.exists() and not kept.exists():
            raise RequestError(
                f"There is a key in {file}, and {kept} is not there: what was signed with that key is forgotten.",
                mend="Name the state with --state, or begin anew with another --key and tell the owners of the logs.",
            )
        seen = WitnessState(kept)  # before the key: never a key without what it has signed
        private = (read_signing_key(file) if file.exists() else write_new_key(file)).signer()
    cosigner = Cosigner(name, private)
    stop = stopped_by_signals()

    def ready(at: int) -> None:
        print(f"witness: {cosigner.key}", flush=True)
        print(f"witness: ready at http://{host}:{at} for {', '.join(sorted(known))}", flush=True)

    try:
        serve(Witness(cosigner, known, seen), host, port, stop, ready)
    except OSError as error:
        raise RequestError(
            f"{host}:{port} cannot be listened on: {error.strerror}.", mend="Give another --port."
        ) from None
    print("witness: ended", flush=True)
    return 0
