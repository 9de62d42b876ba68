"""What every Store must do. A test class inherits StoreContract and has a fixture `open_store`.

`await open_store()` answers a store on the test's own registry, made and seeded (samples.seed) by the first call; a
later call opens the same registry again. What it opened it closes.
"""

from tests.registry.contract_access import AccessContract
from tests.registry.contract_batches import BatchContract
from tests.registry.contract_certificates import CertificateContract
from tests.registry.contract_changes import ActivationContract, ChangeContract, LookUpContract
from tests.registry.contract_crls import CrlContract
from tests.registry.contract_devices import ExpiryContract, ResetContract, TagContract, UpdateContract
from tests.registry.contract_life import LifeContract, PinContract, RecordIdContract
from tests.registry.contract_lists import ListContract
from tests.registry.contract_products import ProductContract
from tests.registry.contract_search import SearchContract


class StoreContract(
    LookUpContract,
    ChangeContract,
    ActivationContract,
    ListContract,
    SearchContract,
    UpdateContract,
    ResetContract,
    TagContract,
    ExpiryContract,
    RecordIdContract,
    PinContract,
    AccessContract,
    ProductContract,
    CertificateContract,
    CrlContract,
    BatchContract,
    LifeContract,
):
    """All of it."""
