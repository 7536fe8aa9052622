"""A generated 4D-STEM scan whose every disk position is known. It is synthetic, and says so wherever it is shown.

The physics, in the order in which a microscope adds it:

- a crystal with the reciprocal lattice g1, g2 fills the scan; inside a buried particle it is strained. The displacement
  gradient of real space (strain e_xx, e_yy, e_xy, rotation w) acts on a reciprocal vector as g' = (I + e + w)^-T g;
- each node within reach of the detector carries one Bragg disk: the image of the round condenser aperture, radius R,
  its edge blurred to an error function of width s by the point spread of the detector;
- dynamical scattering gives each node its own intensity (log-normal, falling with |g|), and fringes inside the disk
  whose phase moves with thickness along the scan;
- the descan of the instrument is not perfect: the whole pattern wanders with the scan position, linear and quadratic;
- inelastic scattering adds a diffuse background exp(-|q| / q0) around the central beam;
- the detector counts electrons: Poisson noise on the expected counts.

Positions are in pixels, pixel centres on integers, x the detector row. The same seed makes the same scan.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import erfc

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Sample:
    """What is under the beam, and the detector that sees it."""

    scan: tuple[int, int] = (24, 24)
    detector: tuple[int, int] = (128, 128)
    radius: float = 4.0
    """Disk radius, pixels."""
    edge: float = 0.6
    """Standard deviation of the blur of the disk's edge, pixels."""
    spacing: float = 15.0
    """Length of both reciprocal lattice vectors, pixels."""
    angle: float = 7.0
    """Direction of g1 against the detector rows, degrees; g2 stands at 90 degrees to it."""
    strain: float = 0.02
    """Largest strain inside the particle."""
    descan: float = 1.5
    """Largest wander of the pattern, pixels."""
    fringes: float = 0.15
    """Contrast of the fringes inside a disk."""
    dose: float = 200_000.0
    """Electrons a pattern."""
    diffuse: float = 0.25
    """Share of the electrons in the diffuse background."""
    seed: int = 2020


@dataclass(frozen=True)
class Truth:
    """Where the disks of a generated scan are. Disks of pattern i stand from offsets[i] to offsets[i + 1]."""

    offsets: NDArray[np.int64]
    qx: Floats
    qy: Floats
    counts: Floats
    """Expected electrons in the disk."""
    strain: Floats
    """(scan rows, scan columns, 4): e_xx, e_yy, e_xy, rotation w in radians; x is the detector row."""
    radius: float


def generate(sample: Sample) -> tuple[NDArray[np.uint16], Truth]:
    """The patterns of a sample, (scan rows, scan columns, qx, qy), and the truth about them."""
    rng = np.random.default_rng(sample.seed)
    nodes, brightness, directions = _nodes(sample, rng)
    strain, origins, thickness = _along_the_scan(sample)
    patterns = np.empty((*sample.scan, *sample.detector), np.uint16)
    disks: list[Floats] = []
    for row, column in np.ndindex(sample.scan):
        centres = nodes @ _reciprocal(strain[row, column]).T + origins[row, column]
        on_detector = _inside(centres, sample)
        phases = thickness[row, column] + directions[on_detector, 2]
        expected, weights = _expected(
            sample, centres[on_detector], brightness[on_detector], directions[on_detector, :2], phases
        )
        background = _background(sample, origins[row, column])
        patterns[row, column] = rng.poisson(expected + background).clip(0, np.iinfo(np.uint16).max)
        disks.append(np.column_stack([centres[on_detector], weights]))
    table = np.concatenate(disks)
    offsets = np.cumsum([0, *(len(part) for part in disks)])
    return patterns, Truth(offsets, table[:, 0], table[:, 1], table[:, 2], strain, sample.radius)


def _nodes(sample: Sample, rng: np.random.Generator) -> tuple[Floats, Floats, Floats]:
    """Unstrained lattice nodes around the origin, their brightness, and each one's fringe vector and phase."""
    angle = np.deg2rad(sample.angle)
    g1 = sample.spacing * np.array([np.cos(angle), np.sin(angle)])
    g2 = sample.spacing * np.array([-np.sin(angle), np.cos(angle)])
    reach = int(max(sample.detector) / sample.spacing) + 1
    h, k = (axis.ravel() for axis in np.meshgrid(*2 * [np.arange(-reach, reach + 1)], indexing="ij"))
    nodes = h[:, None] * g1 + k[:, None] * g2
    length = np.hypot(*nodes.T)
    brightness = np.exp(-length / (0.35 * max(sample.detector))) * rng.lognormal(0, 0.35, len(nodes))
    brightness[length == 0] = 2.0  # the direct beam
    turn = rng.uniform(0, 2 * np.pi, (len(nodes), 2))
    fringes = np.column_stack([np.cos(turn[:, 0]), np.sin(turn[:, 0])]) / (1.2 * sample.radius)
    return nodes, brightness, np.column_stack([fringes, turn[:, 1]])


def _along_the_scan(sample: Sample) -> tuple[Floats, Floats, Floats]:
    """Strain (…, 4), origin of the pattern (…, 2) and phase of thickness at each scan position."""
    rows, columns = sample.scan
    u, v = np.meshgrid(np.linspace(-1, 1, rows), np.linspace(-1, 1, columns), indexing="ij")
    particle = np.exp(-(((u**2 + v**2) / 0.35) ** 2))
    shape = np.stack([particle, -0.5 * particle, 0.4 * particle * u * v, 0.3 * particle * u], axis=-1)
    centre = (np.array(sample.detector) - 1) / 2
    wander = np.stack([0.6 * u + 0.4 * v**2, 0.7 * v - 0.3 * u * v], axis=-1)
    return sample.strain * shape, centre + 0.37 + sample.descan * wander, 2.0 * u + 3.0 * v


def _reciprocal(strain: Floats) -> Floats:
    """What strain does to reciprocal vectors: the inverse transposed displacement gradient plus one."""
    xx, yy, xy, rotation = strain
    gradient = np.array([[1 + xx, xy - rotation], [xy + rotation, 1 + yy]])
    return np.asarray(np.linalg.inv(gradient).T)


def _inside(centres: Floats, sample: Sample) -> NDArray[np.bool_]:
    """Which disks lie on the detector as a whole."""
    margin = sample.radius + 4 * sample.edge
    return np.asarray(((centres > margin) & (centres < np.array(sample.detector) - 1 - margin)).all(axis=1))


def _expected(
    sample: Sample, centres: Floats, brightness: Floats, fringes: Floats, phases: Floats
) -> tuple[Floats, Floats]:
    """Expected electrons a pixel from all disks, and in each disk."""
    reach = int(np.ceil(sample.radius + 4 * sample.edge)) + 1
    steps = np.arange(-reach, reach + 1)
    near = np.round(centres).astype(np.int64)
    dx = (near[:, :1] + steps - centres[:, :1])[:, :, None]
    dy = (near[:, 1:] + steps - centres[:, 1:])[:, None, :]
    disk = 0.5 * erfc((np.hypot(dx, dy) - sample.radius) / (np.sqrt(2) * sample.edge))
    wave = 2 * np.pi * (fringes[:, 0, None, None] * dx + fringes[:, 1, None, None] * dy) + phases[:, None, None]
    disk *= brightness[:, None, None] * (1 + sample.fringes * np.cos(wave))
    disk *= (1 - sample.diffuse) * sample.dose / disk.sum()
    image = np.zeros(np.array(sample.detector) + 2 * reach)
    rows, columns = near[:, :1] + steps + reach, near[:, 1:] + steps + reach
    np.add.at(image, (rows[:, :, None], columns[:, None, :]), disk)
    return image[reach:-reach, reach:-reach], disk.sum(axis=(1, 2))


def _background(sample: Sample, origin: Floats) -> Floats:
    """Expected diffuse electrons a pixel."""
    rows, columns = (np.arange(n) for n in sample.detector)
    distance = np.hypot(rows[:, None] - origin[0], columns - origin[1])
    halo = np.exp(-distance / (0.25 * max(sample.detector)))
    return np.asarray(sample.diffuse * sample.dose * halo / halo.sum())
