"""The claims about indexes and the store below them. Each module registers its own, in the order of this list."""
import index_speed  # noqa: F401
import index_memory  # noqa: F401
import index_ten_million  # noqa: F401
import index_filters  # noqa: F401
import index_growth  # noqa: F401
import index_store  # noqa: F401
