"""The claims of encoders of one's own. Each module registers its own, in the order of this list."""
import encoders_families  # noqa: F401
import encoders_bits  # noqa: F401
import encoders_fingerprint  # noqa: F401
import encoders_receipts  # noqa: F401
import encoders_quantize  # noqa: F401
import encoders_derive  # noqa: F401
import encoders_tokens  # noqa: F401
import encoders_batcher  # noqa: F401
import encoders_against  # noqa: F401
import encoders_proof  # noqa: F401
import encoders_speed  # noqa: F401
import encoders_pull  # noqa: F401
import encoders_badinputs  # noqa: F401
