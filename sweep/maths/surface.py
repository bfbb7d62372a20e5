"""Accuracy over the grid as a smooth surface, and points pulled towards it.

logit accuracy = b0 + b1 a + b2 a^2 + b3 r + b4 a r, with a = log2 alpha and r = log2 rho. A point's
own accuracy is off by what is known of it, and the surface by how far points really are from it
(their variance, tau^2): each is weighted by the other's (Fay and Herriot 1979, JASA 74).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy.special import expit, logit

from sweep.maths.replicates import Replicates
from sweep.maths.statistics import student

Array = npt.NDArray[np.float64]

COEFFICIENTS = 5


@dataclass(frozen=True)
class Surface:
    """coefficients f64[5]: b0 to b4. covariance f64[5,5]: theirs. tau_squared: variance of points
    around the surface, beyond what their own accuracies are off by; of logits. freedom: points that
    are left over.
    """

    coefficients: Array
    covariance: Array
    tau_squared: float
    freedom: int

    def at(self, alphas: npt.ArrayLike, rhos: npt.ArrayLike) -> Array:
        """Accuracies f64[P] at these widths and resolutions, 0..1."""
        return expit(_terms(alphas, rhos) @ self.coefficients)

    def between(self, alphas: npt.ArrayLike, rhos: npt.ArrayLike, common: float = 0.0) -> Pooled:
        """The same of points that it was not fitted to, with what they may be off by: the surface,
        and they from it. common: as of `pooled`.
        """
        terms = _terms(alphas, rhos)
        logits = terms @ self.coefficients
        values = expit(logits)
        off = np.einsum("pi,ij,pj->p", terms, self.covariance, terms) + self.tau_squared
        slope = values * (1 - values)
        half = student(self.freedom) * np.sqrt(off + common / slope**2)
        return Pooled(values, expit(logits - half), expit(logits + half))


@dataclass(frozen=True)
class Pooled:
    """Accuracies f64[P] between the points' own and the surface's, with the ends of their 95 %
    intervals.
    """

    values: Array
    low: Array
    high: Array


def smoothed(replicates: Replicates, alphas: npt.ArrayLike, rhos: npt.ArrayLike) -> Pooled:
    """The points of a grid by the surface through them, each between it and its own trainings.
    alphas, rhos: f64[P] > 0, of the points of `replicates`.

    Trained once, a point's own luck is not known apart from how far it truly is from the surface,
    and of the two it is the larger by far: all that the points scatter by is taken for luck, and
    the values are the surface's alone. Raises ValueError as `fitted`.
    """
    surface, own, common = through(replicates, alphas, rhos)
    if not replicates.own_variance[1]:
        surface = replace(surface, tau_squared=0.0)
    return pooled(surface, alphas, rhos, replicates.means, own, common)


def through(
    replicates: Replicates, alphas: npt.ArrayLike, rhos: npt.ArrayLike
) -> tuple[Surface, Array, float]:
    """The surface; variances f64[P] of the points' means against each other, and of all at once.
    Trained once, a point's luck is part of how far it is from the surface. Raises ValueError as
    `fitted`.
    """
    own, common = _parts(replicates)
    return fitted(alphas, rhos, replicates.means, own), own, common


def _parts(replicates: Replicates) -> tuple[Array, float]:
    """Variances of the means: f64[P] of each point against the others, and the part that all have
    in common, of the images and of the seeds. Those of a single training are the images' alone.
    """
    of_images, shared_images = replicates.images_parts
    own = np.maximum(of_images - shared_images, 0.0)
    of_seeds, freedom = replicates.own_variance
    if not freedom:
        return own, shared_images
    shared_seeds = max(0.0, replicates.seeds_variance[0] - of_seeds) / replicates.counts.max()
    return own + of_seeds / replicates.counts, shared_images + float(shared_seeds)


def fitted(
    alphas: npt.ArrayLike, rhos: npt.ArrayLike, accuracies: npt.ArrayLike, variances: npt.ArrayLike
) -> Surface:
    """Of P points: alphas, rhos > 0; accuracies in (0, 1); variances of them, 0 or more.

    Raises ValueError where the points can't tell the five coefficients, or an accuracy is 0 or 1.
    """
    terms = _terms(alphas, rhos)
    points = len(terms)
    if points <= COEFFICIENTS or np.linalg.matrix_rank(terms) < COEFFICIENTS:
        raise ValueError(
            "a surface needs six points or more, of three alphas and two resolutions at least"
        )
    logits, own = _of_logits(accuracies, variances)
    tau_squared = _tau_squared(terms, logits, own)
    coefficients, covariance = _least_squares(terms, logits, own + tau_squared)
    return Surface(coefficients, covariance, tau_squared, points - COEFFICIENTS)


def pooled(
    surface: Surface,
    alphas: npt.ArrayLike,
    rhos: npt.ArrayLike,
    accuracies: npt.ArrayLike,
    variances: npt.ArrayLike,
    common: float = 0.0,
) -> Pooled:
    """The points that the surface was fitted to. common: variance of an accuracy that all points
    share, such as one training's luck: it is no reason to trust the surface more than a point.
    """
    terms = _terms(alphas, rhos)
    logits, own = _of_logits(accuracies, variances)
    trust = surface.tau_squared / np.maximum(surface.tau_squared + own, np.finfo(float).tiny)
    values = trust * logits + (1 - trust) * (terms @ surface.coefficients)
    of_surface = np.einsum("pi,ij,pj->p", terms, surface.covariance, terms)
    slope = expit(values) * (1 - expit(values))
    off = trust * own + (1 - trust) ** 2 * of_surface + common / slope**2
    half = student(surface.freedom) * np.sqrt(off)
    return Pooled(expit(values), expit(values - half), expit(values + half))


def _terms(alphas: npt.ArrayLike, rhos: npt.ArrayLike) -> Array:
    """f64[P,5]: what the coefficients are multiplied with."""
    a, r = np.log2(np.asarray(alphas, np.float64)), np.log2(np.asarray(rhos, np.float64))
    return np.stack([np.ones_like(a), a, a * a, r, a * r], axis=1)


def _of_logits(accuracies: npt.ArrayLike, variances: npt.ArrayLike) -> tuple[Array, Array]:
    """Logits, and their variances to first order."""
    shares = np.asarray(accuracies, np.float64)
    if not np.all((shares > 0) & (shares < 1)):
        raise ValueError(
            "a point that gets all of the test images right, or none, lies on no surface (an "
            "accuracy of 0 or 1 has no logit): more test images would tell such points apart"
        )
    return logit(shares), np.asarray(variances, np.float64) / (shares * (1 - shares)) ** 2


def _least_squares(terms: Array, logits: Array, variances: Array) -> tuple[Array, Array]:
    """Weighted by one over the variances: (coefficients, their covariance)."""
    weighted = terms.T / np.maximum(variances, np.finfo(float).tiny)
    covariance = np.asarray(np.linalg.inv(weighted @ terms), np.float64)
    return covariance @ weighted @ logits, covariance


def _tau_squared(terms: Array, logits: Array, own: Array) -> float:
    """By the method of moments: the unweighted residuals' sum of squares has the expectation
    tau^2 (P - 5) + sum of own variance * (1 - leverage) (Prasad and Rao 1990, JASA 85).
    """
    inverse = np.linalg.pinv(terms)
    left = logits - terms @ (inverse @ logits)
    leverage = np.einsum("pi,ip->p", terms, inverse)
    freedom = len(logits) - COEFFICIENTS
    return max(0.0, float(left @ left - own @ (1 - leverage)) / freedom)
