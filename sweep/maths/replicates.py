"""Accuracies of several trainings: what they are known to within, and which differ.

An accuracy is off by the luck of its training and by that of the images that it is counted on:
y[p, s] = truth[p] + shift[s] + own[p, s] + images. `shift` moves all points of a seed alike, as it
does where they share one training; where each is trained by itself it is about 0. All variances are
those of a table of points, seeds and images whose effects are random (Searle, Casella and McCulloch
1992, chapter 4).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from sweep.maths import pareto
from sweep.maths.statistics import Interval, student, wilson

FRONTIER_DRAWS = 1_000

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Difference:
    """Of one point's accuracy less another's. half: of its 95 % interval's width; None where no
    replicate tells.
    """

    value: float
    half: float | None

    @property
    def told_apart(self) -> bool:
        """Whether the interval leaves out 0."""
        return self.half is not None and abs(self.value) > self.half


@dataclass(frozen=True)
class Replicates:
    """values f64[P,K]: accuracies in 0..1 of P points, each trained from K seeds; NaN where a
    training is not there, and at least one a point is. right bool[P,K,N]: which of the N test
    images, the same for all, each got right; where `values` is NaN it is not looked at. fixed:
    networks that others have trained, K = 1, and no luck of training asked about.
    """

    values: Array
    right: npt.NDArray[np.bool_]
    fixed: bool = False

    def of(self, points: Sequence[int]) -> Replicates:
        """Some of the points alone."""
        return Replicates(self.values[list(points)], self.right[list(points)], self.fixed)

    @cached_property
    def counts(self) -> npt.NDArray[np.int64]:
        """i64[P]: trainings of each point."""
        return np.sum(~np.isnan(self.values), axis=1)

    @cached_property
    def means(self) -> Array:
        """f64[P]: of each point's trainings."""
        return np.nanmean(self.values, axis=1)

    @cached_property
    def seeds_variance(self) -> tuple[float, float]:
        """(of one training's accuracy around its point's mean, its degrees of freedom), pooled over
        the points; NaN and 0 where each was trained once, 0 and infinity of fixed networks.
        """
        if self.fixed:
            return 0.0, np.inf
        freedom = int(np.sum(self.counts - 1))
        deviations = self.values - self.means[:, None]
        return (float(np.nansum(deviations**2)) / freedom if freedom else np.nan), freedom

    @cached_property
    def own_variance(self) -> tuple[float, float]:
        """As `seeds_variance`, of what moves a point against the others: what all points of a seed
        have in common is taken out. Of the seeds that every point was trained from.
        """
        if self.fixed:
            return self.seeds_variance
        whole = self.values[:, self._whole]
        freedom = (whole.shape[0] - 1) * (whole.shape[1] - 1)
        if freedom < 1:
            return self.seeds_variance
        of_point, of_seed = whole.mean(axis=1, keepdims=True), whole.mean(axis=0, keepdims=True)
        left = whole - of_point - of_seed + whole.mean()
        return float(np.sum(left**2)) / freedom, freedom

    def interval(self, point: int) -> Interval:
        """95 % of the mean of a point: by Student's t over the seeds, and the images' part. Trained
        once, and of fixed networks, Wilson's, which is the images' alone.
        """
        variance, freedom = self.seeds_variance
        if self.fixed or not freedom:
            images = self.right.shape[-1]
            return wilson(round(float(self.means[point]) * images), images)
        off = variance / self.counts[point] + max(0.0, self._images_variances[point])
        half, mean = student(freedom) * float(np.sqrt(off)), float(self.means[point])
        return Interval(max(0.0, mean - half), min(1.0, mean + half))

    def difference(self, point: int, other: int, share: float = 1.0) -> Difference:
        """Of the mean of a point less `share` of another's, on the same images and, as far as they
        have one, without the shift that their seeds have in common.
        """
        value = float(self.means[point] - share * self.means[other])
        half = float(self._halves([other], [point], share)[0, 0])
        return Difference(value, None if np.isnan(half) else half)

    def apart(self, points: Sequence[int]) -> npt.NDArray[np.bool_]:
        """bool[R,P]: which of all points each of these R is told apart from, as by `difference`."""
        between = np.abs(self.means - self.means[list(points), None])
        return between > self._halves(points, range(len(self.means)))  # of NaN: False

    def _halves(self, others: Sequence[int], points: Sequence[int], share: float = 1.0) -> Array:
        """f64[R,C]: half the width of the intervals of each of `points` less `share` of each of
        `others`; NaN where no replicate tells.
        """
        variance, freedom = self.own_variance
        rows, columns = np.asarray(others), np.asarray(points)
        if not freedom:
            return np.full((len(rows), len(columns)), np.nan)
        of_seeds, of_images = variance / self.counts, self._images_variances
        off = of_seeds[columns] + share**2 * of_seeds[rows, None]
        between = self._images_covariances(rows, columns)
        both = of_images[columns] + share**2 * of_images[rows, None] - 2 * share * between
        off = off + np.maximum(0, both)
        itself = rows[:, None] == columns
        single = (of_seeds + np.maximum(0, of_images))[columns]
        off = np.where(itself, (1 - share) ** 2 * single, off)
        # Of a share the seeds' common shift stays in part.
        shift = max(0.0, self.seeds_variance[0] - variance) / float(np.max(self.counts))
        return student(freedom) * np.sqrt(off + (1 - share) ** 2 * shift)

    def frontier_shares(self, costs: npt.ArrayLike) -> Array:
        """f64[P]: in which share of `FRONTIER_DRAWS` tables that might as well have come out each
        point is on the frontier of accuracy over costs f64[P], the lower the better; NaN where a
        cost is, and of all where each was trained once, for then it is not known.
        """
        asked = np.asarray(costs, np.float64)
        known = np.flatnonzero(~np.isnan(asked))
        shares = np.full(len(asked), np.nan)
        if self.own_variance[1] and len(known):
            shares[known] = pareto.fronts(asked[known], self._tables[:, known]).mean(axis=0)
        return shares

    @cached_property
    def _tables(self) -> Array:
        """f64[FRONTIER_DRAWS,P]: means that might as well have come out, the same each time. A
        parametric bootstrap: two or three seeds are too few to draw from; each table has a variance
        of its own of those that the seeds allow, as Student's t has.
        """
        variance, freedom = self.own_variance
        covariance = np.diag(variance / self.counts) + self.images_covariance
        # By its eigenvectors; what estimates put below 0 counts as 0.
        values, vectors = np.linalg.eigh(covariance)
        root = vectors * np.sqrt(np.maximum(values, 0))
        rng = np.random.default_rng(0)
        off = rng.standard_normal((FRONTIER_DRAWS, len(self.means))) @ root.T
        if np.isfinite(freedom):
            off *= np.sqrt(freedom / rng.chisquare(freedom, (FRONTIER_DRAWS, 1)))
        return self.means + off

    @property
    def images_covariance(self) -> Array:
        """f64[P,P]: of the points' means, by the luck of which images were drawn. What single
        trainings get right by chance differs from image to image, too: it is the seeds' part, and
        taken out here.
        """
        every = np.arange(len(self.means))
        return self._images_covariances(every, every)

    @property
    def images_parts(self) -> tuple[Array, float]:
        """The diagonal of `images_covariance`, f64[P], and what all points have in common: the mean
        of all else in it, 0 or more.
        """
        variances, points = self._images_variances, len(self.means)
        if points < 2:
            return variances, 0.0
        shares, by_chance = (each.sum(axis=0, dtype=np.float64) for each in self._factors)
        between = shares @ shares - by_chance @ by_chance - variances.sum()
        return variances, max(0.0, float(between) / (points * (points - 1)))

    @cached_property
    def _images_variances(self) -> Array:
        """f64[P]: its diagonal, without the rest, which of thousands of points is large."""
        shares, by_chance = self._factors
        return np.sum(shares**2, axis=1) - np.sum(by_chance**2, axis=1, dtype=np.float64)

    def _images_covariances(
        self, rows: npt.NDArray[np.int64], columns: npt.NDArray[np.int64]
    ) -> Array:
        """f64[R,C]: these of its rows and columns."""
        shares, by_chance = self._factors
        return shares[rows] @ shares[columns].T - by_chance[rows] @ by_chance[columns].T

    @cached_property
    def _factors(self) -> tuple[Array, npt.NDArray[np.float32]]:
        """f64[P,N], f32[P,K*N]: `images_covariance` is the first times itself turned, less the
        second.
        """
        there = ~np.isnan(self.values)[..., None]
        shares = np.sum(self.right & there, axis=1) / self.counts[:, None]
        images = shares.shape[1]
        shares = (shares - shares.mean(axis=1, keepdims=True)) / np.sqrt(max(images - 1, 1))
        whole = self.right[:, self._whole].astype(np.float32)
        seeds = whole.shape[1]
        if seeds > 1:
            whole -= whole.mean(axis=1, keepdims=True)
            whole /= np.float32(np.sqrt((seeds - 1) * images * seeds))
        else:
            whole = whole[:, :0]
        root = np.sqrt(images)
        return shares / root, (whole / np.float32(root)).reshape(len(shares), -1)

    @cached_property
    def _whole(self) -> npt.NDArray[np.bool_]:
        """bool[K]: the seeds that every point was trained from."""
        return ~np.any(np.isnan(self.values), axis=0)


def change(before: Replicates, point: int, after: Replicates, other: int) -> Difference:
    """Of a point's mean in one table less another's in an earlier one, whose seeds are others: by
    Student's t with the degrees of freedom of Welch (1947). What was trained once there is taken to
    be off by what the other table's trainings are. The images may be the same: their part is taken
    as of others all the same, so that the interval is rather too wide.
    """
    value = float(after.means[other] - before.means[point])
    parts, images = [], 0.0
    for own, at, beside in ((before, point, after), (after, other, before)):
        told = own if own.seeds_variance[1] else beside
        variance, freedom = (0.0, np.inf) if own.fixed else told.seeds_variance
        if not freedom or (told.fixed and not own.fixed):
            return Difference(value, None)
        parts.append((variance / own.counts[at], freedom))
        images += max(0.0, float(own._images_variances[at]))
    off = sum(part for part, _ in parts) + images
    spread = sum(part**2 / freedom for part, freedom in parts)
    freedom = off**2 / spread if spread else np.inf
    return Difference(value, student(freedom) * float(np.sqrt(off)))
