"""What every Store must do. A test class inherits StoreContract and has a fixture `open_store`.

`await open_store()` answers a store on the test's own registry, made and seeded (samples.seed) by the first call; a
later call opens the same registry again. What it opened it closes.
"""

from tests.registry.contract_changes import ActivationContract, ChangeContract, LookUpContract
from tests.registry.contract_life import AdministrationContract, LifeContract, PinContract, RecordIdContract
from tests.registry.contract_lists import ListContract


class StoreContract(
    LookUpContract,
    ChangeContract,
    ActivationContract,
    ListContract,
    RecordIdContract,
    PinContract,
    AdministrationContract,
    LifeContract,
):
    """All of it."""
