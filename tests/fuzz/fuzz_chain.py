"""Fuzzes chain verification: `python tests/fuzz/fuzz_chain.py [libFuzzer's options] [corpus directory]`.

The first byte of the input says what the rest is: a leaf as a peer sends it, what a CA is made to sign for a leaf, a CA
or a CRL, or a CRL as it was uploaded. Any exception is a finding, and so is a verdict of the native twin that the
reference's does not allow (tests/helpers/chains.agree). The corpus (.cache/fuzz/chain unless named) grows from run to
run.
"""

import sys
from pathlib import Path

import atheris

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

with atheris.instrument_imports(include=["engine.gate"]):
    import msgspec
    from cryptography import x509

    from engine.gate import compiled
    from engine.gate.interface import AnchorSet, ChainProfile, VerifyChain
    from engine.gate.reference import chain as reference
    from engine.limits import Limits
    from tests.helpers import chains

# Nothing is remembered, so that an input means the same whatever was before it.
LIMITS = msgspec.structs.replace(Limits(), chains_remembered=0, certificates_remembered=0)
REFERENCE: VerifyChain = reference.ChainVerifier(LIMITS)
NATIVE: VerifyChain = compiled.ChainVerifier(LIMITS)

ROOT_CA, INTERMEDIATE, DEVICE = chains.rich_fleet()
ANCHORS = chains.anchors(ROOT_CA)
SENT, SIGNED_LEAF, SIGNED_CA, SIGNED_CRL, CRL = range(5)
EMPTY_CRL = chains.issue_crl(INTERMEDIATE)


def case_of(data: bytes) -> tuple[tuple[bytes, ...], AnchorSet]:
    """What is sent, and who is trusted."""
    kind, rest = data[0] % 5, data[1:]
    if kind == SENT:
        return (rest, INTERMEDIATE.der), ANCHORS
    if kind == SIGNED_LEAF:
        return (chains.signed_anew(DEVICE.der, INTERMEDIATE, lambda _: rest), INTERMEDIATE.der), ANCHORS
    if kind == SIGNED_CA:
        return (DEVICE.der, chains.signed_anew(INTERMEDIATE.der, ROOT_CA, lambda _: rest)), ANCHORS
    crl = rest if kind == CRL else chains.signed_anew(EMPTY_CRL, INTERMEDIATE, lambda _: rest)
    return (DEVICE.der, INTERMEDIATE.der), chains.anchors(ROOT_CA, crls=[crl])


def test_one_input(data: bytes) -> None:
    """Both implementations judge it, in both profiles."""
    if not data:
        return
    (leaf, *intermediates), anchors = case_of(data)
    for profile in ChainProfile:
        arguments = (leaf, intermediates, anchors, chains.NOW, profile)
        expected, found = REFERENCE(*arguments), NATIVE(*arguments)
        assert chains.agree(expected, found), (profile, expected, found)


def seeds() -> list[bytes]:
    """What is good."""
    bodies = [next(chains.elements(one.der)) for one in (DEVICE, INTERMEDIATE)]
    crls = [EMPTY_CRL, chains.issue_crl(INTERMEDIATE, DEVICE, extensions=((x509.CRLNumber(7), False),))]
    return [
        bytes([SENT]) + DEVICE.der,
        bytes([SIGNED_LEAF]) + bodies[0],
        bytes([SIGNED_CA]) + bodies[1],
        *(bytes([SIGNED_CRL]) + next(chains.elements(crl)) for crl in crls),
        *(bytes([CRL]) + crl for crl in crls),
    ]


def main(arguments: list[str]) -> None:
    """Fuzz, and leave with exit status 0, or with libFuzzer's on a finding."""
    options = [argument for argument in arguments if argument.startswith("-")]
    named = [argument for argument in arguments if not argument.startswith("-")]
    corpus = Path(named[0]) if named else ROOT / ".cache" / "fuzz" / "chain"
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(seeds()):
        (corpus / f"seed-{number}").write_bytes(seed)
    own = ["-max_len=2048", f"-artifact_prefix={corpus.parent}/chain-"]
    atheris.Setup([sys.argv[0], *own, *options, str(corpus)], test_one_input)
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1:])
