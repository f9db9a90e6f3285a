"""The claims of the straight line: photos in, answers out. Each module registers its own, in the order of this list."""
import line_pixels  # noqa: F401
import line_encoder  # noqa: F401
import line_retrieval  # noqa: F401
import line_ingest  # noqa: F401
import line_search  # noqa: F401
import line_badinputs  # noqa: F401
import line_durability  # noqa: F401
import line_house  # noqa: F401
