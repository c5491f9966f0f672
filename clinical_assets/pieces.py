"""A run of many shards, computed a few shards at a time, so that memory depends on a shard's size, not on the patients.

A rule gives the same rows for one shard as for all of them (that is what shards are for), so a run of all may take them
piece by piece. A piece is as many shards as have no more than `PIECE_BYTES` of input together, at least one: a small
hospital is one piece, as if this were not here; a large one is as many as it needs. If one shard is too much, the lake
has too few of them (CLINICAL_SUBJECT_SHARDS).

What stays in memory beside the piece is the table made so far: as large as the result, not as its inputs.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from resources.lake import Lake

PIECE_BYTES = 64 << 20
"""Of a piece's inputs. A join of events to studies takes three to four times as much."""
CELL_BYTES = 8
"""Of a cell in memory, about: numbers and times have as many, texts more, but few columns are read. A file's own size
says little: its columns are packed."""


def sizes(lake: Lake, tables: Iterable[str], shards: Sequence[str]) -> Mapping[str, int]:
    """Bytes of some tables' cells in each shard; 0 where a shard was never made."""
    named = list(tables)
    footers = {shard: [lake.stored(table, shard) for table in named] for shard in shards}
    return {
        shard: sum(f.num_rows * f.num_columns * CELL_BYTES for f in found if f is not None)
        for shard, found in footers.items()
    }


def in_pieces(shards: Sequence[str], size: Mapping[str, int], most: int | None = None) -> Iterator[list[str]]:
    """The shards in their order, cut into pieces of no more than `most` bytes (`PIECE_BYTES`) or of one shard."""
    limit = PIECE_BYTES if most is None else most
    piece: list[str] = []
    for shard in shards:
        if piece and sum(size[s] for s in (*piece, shard)) > limit:
            yield piece
            piece = []
        piece.append(shard)
    if piece:
        yield piece
