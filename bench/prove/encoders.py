"""The claims of encoders of one's own. Each module registers its own, in the order of this list."""
import encoders_families  # noqa: F401
import encoders_bits  # noqa: F401
import encoders_proof  # noqa: F401
import encoders_speed  # noqa: F401
import encoders_pull  # noqa: F401
import encoders_badinputs  # noqa: F401
