"""Roles are ranks."""

from engine.registry.store_access import Role


def test_each_role_includes_itself_and_the_ones_before_it() -> None:
    included = {(role, other) for role in Role for other in Role if role.includes(other)}

    assert included == {
        (Role.READ_ONLY, Role.READ_ONLY),
        (Role.OPERATOR, Role.READ_ONLY),
        (Role.OPERATOR, Role.OPERATOR),
        (Role.ADMIN, Role.READ_ONLY),
        (Role.ADMIN, Role.OPERATOR),
        (Role.ADMIN, Role.ADMIN),
    }
