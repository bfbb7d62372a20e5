"""What the separable layer saves: the paper's cost formulas, derived with a run's own layers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sweep.paper.networks import Key, Network, Networks, networks_of
from sweep.report.values.tables import Column, Fact, Table, Value
from sweep.report.values.units import Form, exact, percent, three_digits
from sweep.report.values.view import Derivation
from sweep.types import alpha_text, listed

if TYPE_CHECKING:
    from sweep.results.load import Results

# Howard et al. 2017, section 3.1 to 3.4, in the paper's symbols: D_K the side of the filter, M and
# N the channels in and out, D_F the side of the output map, alpha and rho the two multipliers.
FORMULAS = (
    Fact("Standard convolution", "D_K² · M · N · D_F²"),
    Fact("Depthwise convolution", "D_K² · M · D_F²"),
    Fact("Pointwise convolution", "M · N · D_F²"),
    Fact("Depthwise separable convolution", "D_K² · M · D_F² + M · N · D_F²"),
    Fact(
        "Separable over standard",
        "(D_K² · M · D_F² + M · N · D_F²) / (D_K² · M · N · D_F²) = 1/N + 1/D_K²",
    ),
    Fact("With multipliers α and ρ", "D_K² · αM · (ρD_F)² + αM · αN · (ρD_F)²"),
)
ONE_PER_BLOCK = "another in each block"
EXAMPLE = 7  # the block of the paper's Table 3
PAPERS: Key = ("separable", 1.0, 224)
TITLE = "What the separable layer saves"


@dataclass(frozen=True)
class Block:
    """One separable block: kernel side, channels in and out, side of its output map; mult-adds of
    its two layers as the run counted them.
    """

    number: int
    d_k: int
    m: int
    n: int
    d_f: int
    depthwise: float
    pointwise: float

    @property
    def standard(self) -> int:
        """Mult-adds of the standard convolution in its place."""
        return self.d_k**2 * self.m * self.n * self.d_f**2

    @property
    def separable(self) -> float:
        return self.depthwise + self.pointwise

    @property
    def ratio(self) -> float:
        """Separable over standard: 1/N + 1/D_K²."""
        return self.separable / self.standard


def derivation(results: Results) -> Derivation:
    """The derivation for the run's 1.0-224, else for its widest separable network with layers."""
    networks = networks_of(results.points, results.readings)
    widest = _widest(networks)
    if widest is None:
        why = "No separable network of this run has per-layer counts, so nothing can be derived."
        return Derivation(TITLE, FORMULAS, (), _table("", ()), why)
    key, blocks = widest
    name = _name(key)
    return Derivation(
        title=f"{TITLE}, in {name}",
        formulas=FORMULAS,
        sentences=(
            *_derived(blocks, name),
            *_eight_to_nine(blocks, name),
            _together(blocks, name),
            *_whole(key, networks),
            *_multipliers(key, networks),
        ),
        blocks=_table(name, blocks),
        absent="",
    )


def _widest(networks: Networks) -> tuple[Key, tuple[Block, ...]] | None:
    """The paper's own network, else the widest separable one, at its largest resolution."""
    separable = {key: _blocks(each) for key, each in networks.items() if key[0] == "separable"}
    counted = {key: blocks for key, blocks in separable.items() if blocks}
    if not counted:
        return None
    key = max(counted, key=lambda key: (key == PAPERS, key[1], key[2]))
    return key, counted[key]


def _blocks(network: Network) -> tuple[Block, ...]:
    """The blocks that have both their layers in the run, in order."""
    blocks = []
    for name, depthwise in network.layers.items():
        stem, _, number = name.partition("_")
        pointwise = network.layers.get(f"pointwise_{number}")
        if stem != "depthwise" or pointwise is None:
            continue
        blocks.append(
            Block(
                number=int(number),
                d_k=depthwise.kernel,
                m=depthwise.channels_in,
                n=pointwise.channels_out,
                d_f=depthwise.size_out,
                depthwise=depthwise.mult_adds,
                pointwise=pointwise.mult_adds,
            )
        )
    return tuple(sorted(blocks, key=lambda block: block.number))


def _derived(blocks: tuple[Block, ...], name: str) -> tuple[str, ...]:
    """The ratio in symbols, and one block worked out."""
    block = next((each for each in blocks if each.number == EXAMPLE), blocks[-1])
    k, m, n, f = block.d_k**2, block.m, block.n, block.d_f**2
    return (
        "A standard convolution filters and combines in one step, for D_K² · M · N · D_F² "
        "mult-adds. A separable one first filters each channel by itself, D_K² · M · D_F², then "
        "combines the channels with 1 × 1 filters, M · N · D_F².",
        "Divide the second by the first: M and D_F² cancel, and 1/N + 1/D_K² is left.",
        f"Block {block.number} of {name} has D_K = {block.d_k}, M = {m}, N = {n} and "
        f"D_F = {block.d_f}. Standard: {k} · {m} · {n} · {f} = {exact(block.standard)}. "
        f"Separable: {k} · {m} · {f} + {m} · {n} · {f} = {exact(block.depthwise)} + "
        f"{exact(block.pointwise)} = {exact(block.separable)}. The ratio is 1/{n} + 1/{k} = "
        f"{three_digits(block.ratio)}, so {three_digits(1 / block.ratio)} times less.",
    )


def _eight_to_nine(blocks: tuple[Block, ...], name: str) -> tuple[str, ...]:
    """For which N the paper's "8 to 9 times" holds: k/(N + k) · N lies in [k - 1, k) from
    N = k(k - 1) on, with k = D_K² = 9 from N = 72.
    """
    kernels = {block.d_k for block in blocks}
    if len(kernels) > 1:
        return ()
    d_k = kernels.pop()
    k = d_k**2
    least = k * (k - 1)
    wide = tuple(block for block in blocks if block.n >= least)
    narrow = tuple(block for block in blocks if block.n < least)
    told = [
        f"With D_K = {d_k} that is {k}N / (N + {k}) times less: never {k}, and at least {k - 1} "
        f"where N is {least} or more."
    ]
    if wide:
        told.append(
            f"So {len(wide)} of the {len(blocks)} blocks of {name} cost {_range(wide)} times less."
        )
    if narrow:
        numbers = listed([str(block.number) for block in narrow], longest=20)
        widths = sorted({block.n for block in narrow})
        between = f"{widths[0]}" if len(widths) == 1 else f"{widths[0]} to {widths[-1]}"
        which = f"Block {numbers}" if len(narrow) == 1 else f"Blocks {numbers}"
        cost = "costs" if len(narrow) == 1 else "cost"
        told.append(f"{which}, where N is {between}, {cost} {_range(narrow)} times less.")
    return (" ".join(told),)


def _range(blocks: tuple[Block, ...]) -> str:
    """ "8.41 to 8.92", or "7.89" where they are the same."""
    savings = sorted(1 / block.ratio for block in blocks)
    low, high = three_digits(savings[0]), three_digits(savings[-1])
    return low if low == high else f"{low} to {high}"


def _together(blocks: tuple[Block, ...], name: str) -> str:
    total = _total(blocks)
    return (
        f"All {len(blocks)} blocks of {name} together: {exact(total.standard)} mult-adds with "
        f"standard convolutions, {exact(total.separable)} with separable ones, "
        f"{three_digits(total.standard / total.separable)} times less. Of what is left "
        f"{percent(total.pointwise / total.separable)} is in the 1 × 1 filters."
    )


@dataclass(frozen=True)
class _Total:
    standard: int
    depthwise: float
    pointwise: float

    @property
    def separable(self) -> float:
        return self.depthwise + self.pointwise


def _total(blocks: tuple[Block, ...]) -> _Total:
    return _Total(
        sum(block.standard for block in blocks),
        sum(block.depthwise for block in blocks),
        sum(block.pointwise for block in blocks),
    )


def _whole(key: Key, networks: Networks) -> tuple[str, ...]:
    """The standard network of the run against the separable one."""
    separable, standard = networks[key], networks.get(("standard", *key[1:]))
    if standard is None or standard.mult_adds is None or not separable.mult_adds:
        return (f"This run has no standard {_name(key)} to set beside the whole network.",)
    told = [
        "Stem and classifier are the same in both networks, so the whole saves a little less: "
        f"{exact(standard.mult_adds)} against {exact(separable.mult_adds)} mult-adds, "
        f"{three_digits(standard.mult_adds / separable.mult_adds)} times less."
    ]
    if standard.weights is not None and separable.weights:
        told.append(
            "The weights of a block shrink by the same ratio, in which D_F doesn't occur; with "
            f"stem and classifier {exact(standard.weights)} against {exact(separable.weights)}, "
            f"{three_digits(standard.weights / separable.weights)} times less."
        )
    return tuple(told)


def _multipliers(key: Key, networks: Networks) -> tuple[str, ...]:
    """What alpha and rho do, at the run's other points that differ from `key` in one of them."""
    kind, alpha, resolution = key
    whole = networks[key].mult_adds
    narrower, smaller = [], []
    for (other_kind, a, r), network in networks.items():
        if other_kind != kind or not whole or network.mult_adds is None:
            continue
        share = three_digits(network.mult_adds / whole)
        if r == resolution and a < alpha:
            narrower.append(
                f"{_name((kind, a, r))} {share} (α² = {three_digits((a / alpha) ** 2)})"
            )
        if a == alpha and r < resolution:
            smaller.append(
                f"{_name((kind, a, r))} {share} (ρ² = {three_digits((r / resolution) ** 2)})"
            )
    told = []
    if narrower:
        told.append(
            "α thins M and N, so mult-adds fall about as α²; a little less, because depthwise "
            f"layers, stem and classifier fall only as α. Of {_name(key)}'s: {listed(narrower)}."
        )
    if smaller:
        told.append(
            "ρ shrinks D_F, so mult-adds fall about as ρ²; the classifier is not touched, and the "
            f"sides of maps are rounded up. Of {_name(key)}'s: {listed(smaller)}."
        )
    return tuple(told)


def _table(name: str, blocks: tuple[Block, ...]) -> Table:
    """Every block with its formula's symbols, then their sum."""
    return Table(
        title=f"Every block of {name}" if name else "Every block",
        caption="Mult-adds; standard: those of a standard convolution in the block's place.",
        columns=(
            Column("Block", Form.TEXT),
            *(Column(symbol, Form.EXACT) for symbol in ("D_K", "M", "N", "D_F")),
            *(Column(title, Form.COUNT) for title in ("Standard", "Depthwise", "Pointwise")),
            Column("1/N + 1/D_K²", Form.NUMBER),
            Column("Times less", Form.NUMBER),
        ),
        rows=(*(_row(block) for block in blocks), *((_sum(blocks),) if blocks else ())),
    )


def _row(block: Block) -> tuple[Value, ...]:
    shape = (block.d_k, block.m, block.n, block.d_f)
    costs = (block.standard, block.depthwise, block.pointwise, block.ratio, 1 / block.ratio)
    return (Value(str(block.number)), *(Value(float(number)) for number in (*shape, *costs)))


def _sum(blocks: tuple[Block, ...]) -> tuple[Value, ...]:
    total = _total(blocks)
    ratio = total.separable / total.standard
    costs = (total.standard, total.depthwise, total.pointwise, ratio, 1 / ratio)
    return (
        Value(f"all {len(blocks)}"),
        *(Value(None, reason=ONE_PER_BLOCK) for _ in range(4)),
        *(Value(float(number)) for number in costs),
    )


def _name(key: Key) -> str:
    """ "1.0-224"; the kind goes without saying."""
    return f"{alpha_text(key[1])}-{key[2]}"
