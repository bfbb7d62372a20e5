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
        off = variance / self.counts[point] + max(0.0, self.images_covariance[point, point])
        half, mean = student(freedom) * float(np.sqrt(off)), float(self.means[point])
        return Interval(max(0.0, mean - half), min(1.0, mean + half))

    def difference(self, point: int, other: int) -> Difference:
        """Of the means of two points, on the same images and, as far as they have one, without the
        shift that their seeds have in common.
        """
        value = float(self.means[point] - self.means[other])
        variance, freedom = self.own_variance
        if not freedom or point == other:
            return Difference(value, None if not freedom else 0.0)
        of_seeds = variance * float(np.sum(1 / self.counts[[point, other]]))
        of_images = self.images_covariance[np.ix_([point, other], [point, other])]
        signs = np.array([1.0, -1.0])
        off = of_seeds + max(0.0, float(signs @ of_images @ signs))
        return Difference(value, student(freedom) * float(np.sqrt(off)))

    def frontier_shares(self, costs: npt.ArrayLike) -> Array:
        """f64[P]: in which share of `FRONTIER_DRAWS` tables that might as well have come out each
        point is on the frontier of accuracy over costs f64[P], the lower the better. A parametric
        bootstrap: two or three seeds are too few to draw from. The same numbers give the same
        shares; NaN where each was trained once, for then it is not known.
        """
        variance, freedom = self.own_variance
        asked = [float(cost) for cost in np.asarray(costs, np.float64)]
        if not freedom:
            return np.full(len(asked), np.nan)
        covariance = np.diag(variance / self.counts) + self.images_covariance
        # By its eigenvectors; what estimates put below 0 counts as 0.
        values, vectors = np.linalg.eigh(covariance)
        root = vectors * np.sqrt(np.maximum(values, 0))
        rng = np.random.default_rng(0)
        drawn = self.means + rng.standard_normal((FRONTIER_DRAWS, len(asked))) @ root.T
        on_front = np.array([pareto.front(asked, each) for each in drawn.tolist()], np.float64)
        return on_front.mean(axis=0)

    @cached_property
    def images_covariance(self) -> Array:
        """f64[P,P]: of the points' means, by the luck of which images were drawn. What single
        trainings get right by chance differs from image to image, too: it is the seeds' part, and
        taken out here.
        """
        there = ~np.isnan(self.values)[..., None]
        shares = np.sum(self.right & there, axis=1) / self.counts[:, None]  # f64[P,N]
        images = shares.shape[1]
        covariance = np.atleast_2d(np.cov(shares)) if images > 1 else np.zeros((len(shares),) * 2)
        whole = self.right[:, self._whole].astype(np.float32)
        seeds = whole.shape[1]
        if seeds > 1:
            left = (whole - whole.mean(axis=1, keepdims=True)).reshape(len(whole), -1)
            by_chance = (left @ left.T).astype(np.float64) / ((seeds - 1) * images)
            covariance = covariance - by_chance / seeds
        return covariance / images

    @cached_property
    def _whole(self) -> npt.NDArray[np.bool_]:
        """bool[K]: the seeds that every point was trained from."""
        return ~np.any(np.isnan(self.values), axis=0)
