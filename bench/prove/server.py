"""The claims of the server. Each module registers its own, in the order of this list."""
import server_access  # noqa: F401
import server_hostile  # noqa: F401
import server_contract  # noqa: F401
import server_pages  # noqa: F401
import server_load  # noqa: F401
import server_package  # noqa: F401
