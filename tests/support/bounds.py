"""Where several seeds put the results that the pages record.

The bounds of the results of training come from `python -m bench.seeds`: ten
seeds in each framework, mean and standard deviation over the twenty runs. A
result may be four standard deviations from the mean. Twice-softmaxed training
ends in one of two modes, as the page explains, so it has the range that both
modes cover. What does not depend on the seed is held to its exact value.

    over 20 runs             mean     std     min     max
    initial_loss           2.3096  0.0167  2.2775  2.3369
    train_loss             0.4471  0.0004  0.4464  0.4478
    train_accuracy         0.8482  0.0003  0.8478  0.8488
    test_accuracy          0.8321  0.0028  0.8260  0.8357
    worst_recall           0.5216  0.0772  0.4010  0.6350
    twice_train_loss       1.7189  0.0224  1.7073  1.7628
    twice_test_accuracy    0.7657  0.0234  0.7188  0.7782
    points_lost            6.6360  2.3323  4.9400 11.2900
    cured_train_loss       0.4661  0.0014  0.4641  0.4695
    cured_test_accuracy    0.8196  0.0150  0.7798  0.8318

On the page on linear regression, twenty orders of the same training set, with
NumPy; what least squares gives was computed with numpy.linalg.lstsq, and does not
depend on them.

    over 20 runs             mean     std
    adult                  4162.0    11.3
    chick                  -810.6    99.4
    crawl[-1]               565.2     5.1
    b_mm                   0.0496  0.0016
"""

from __future__ import annotations

import math

from support import pages


def around(mean: float, deviation: float) -> tuple[float, float]:
    return mean - 4 * deviation, mean + 4 * deviation


SPECIES_ENTROPY = -sum(
    count / 342 * math.log(count / 342) for count in (151, 68, 123)
)
BIRD_LOSS = 0.08325349755675
BOUNDS = {
    pages.LINEAR: {
        # 344 penguins without the 11 of which something is missing.
        "len(mass)": 267,
        "len(validation)": 66,
        "line_rmse": around(394.9, 0.02),
        "mass.std()": around(796.8521, 1e-4),
        "best_rmse": around(394.3, 0.02),
        "depth_alone": around(-201.8784, 1e-4),
        "best[3]": around(-5874.5611, 1e-3),
        "three[1]": around(380.0, 0.02),
        "six[1]": around(277.1, 0.02),
        "adult": around(4162.0, 11.3),
        "chick": around(-810.6, 99.4),
        "crawl[-1]": around(565.2, 5.07),
        "b_mm": around(0.0496, 0.0016),
    },
    pages.SOFTMAX: {
        "initial_loss": around(2.3096, 0.0167),
        "train_loss": around(0.4471, 0.0004),
        "train_accuracy": around(0.8482, 0.0003),
        "test_accuracy": around(0.8321, 0.0028),
        "num_test": 10_000,
        # 196 sqrt(p (1 - p) / 10,000) at the ends of test_accuracy's range.
        "margin_points": (0.71, 0.76),
        "worst_class": {"shirt", "coat", "pullover"},
        "worst_mistake": {"t-shirt/top", "pullover", "coat", "shirt"},
        "worst_recall": around(0.5216, 0.0772),
        "floor": around(math.log(1 + 9 / math.e), 1e-9),
        "twice_train_loss": (1.70, 1.77),
        "twice_test_accuracy": (0.71, 0.785),
        "points_lost": (3.5, 13.5),
        "never_predicted": {"shirt", "shirt, coat", "coat"},
        # Seeds 0 to 2 in each framework: 0.4070 to 0.4082, 0.824 to 0.8425.
        "longer_train_loss": around(0.4077, 0.0005),
        "longer_test_accuracy": around(0.8335, 0.0080),
        "cured_train_loss": around(0.4661, 0.0014),
        "cured_test_accuracy": around(0.8196, 0.0150),
        # Seconds over seconds, 33 and 152 on one machine: only what the text
        # says, that a trip has a price of its own, is held to.
        "num_trips": 256,
        "trips_ratio": (2, 10_000),
        "moved_megabytes": 31.36,
        "moving_share": (0.001, 100),
        "waiting_ratio": (0.5, 100),
        # The optimum does not depend on the seed: J in 64-bit floats, and test
        # accuracy, of which a gap of 1e-4 moves a few of 10,000 images.
        "best_decay": 1e-4,
        "best_objective": (0.38105, 0.38105 + 1e-4),
        "best_gap": (0, 1e-4),
        "best_accuracy": (0.845, 0.847),
        "best_margin_points": around(0.7077, 0.002),
        # Counted; test_optimum.py counts them in another way.
        "runaway_weights": 78,
        "runaway_pixels": 66,
        # Without a minimum, the point depends on every rounding on the way.
        "free_accuracy": (0.822, 0.834),
        "chosen_decay": 1e-4,
        "chosen_accuracy": (0.845, 0.847),
        # 0.846 less the test accuracy of SGD, and 196 times the deviation of
        # a difference of which 600 to 900 of 10,000 images are not zero.
        "gain_points": (0.2, 2.6),
        "gain_margin_points": (0.45, 0.6),
    },
    # No seed enters here: the counts of the birds (151, 68, 123 of 342), and
    # with them entropy and code, are exact. The rest is computed in 64 bits,
    # which agree with NumPy's extended precision to 1e-16; 32 bits miss the
    # loss by 1e-8.
    pages.THEORY: {
        "num_birds": 342,
        "best_order": around(319 / 342, 1e-9),
        "worst_order": around(232 / 342, 1e-9),
        "bird_loss": around(BIRD_LOSS, 1e-12),
        "bird_accuracy": around(329 / 342, 1e-9),
        "entropy_nats": around(SPECIES_ENTROPY, 1e-12),
        "entropy_bits": around(SPECIES_ENTROPY / math.log(2), 1e-12),
        "uniform_bits": around(math.log2(3), 1e-12),
        "code_bits": around((151 + 2 * 123 + 2 * 68) / 342, 1e-12),
        "bits_gained": around(
            (SPECIES_ENTROPY - BIRD_LOSS) / math.log(2), 1e-12
        ),
    },
    pages.DATASET: {
        "num_train": 60_000,
        "num_test": 10_000,
        "train_per_class": 6_000,
        "test_per_class": 1_000,
        "num_batches": 235,
        "last_size": 96,
        # Measured from 10 to 80, on two busy cores. Each image costs the
        # customary loader several calls: below 2 it would not be that loader.
        "loader_ratio": (2, 500),
        # Facts of the data, to the digits of a sum of 47 million bytes.
        "pixel_mean": around(0.2860406, 1e-7),
        "pixel_std": around(0.3530242, 1e-7),
        "background_share": around(0.5020515, 1e-7),
        "test_mean": around((0.2868493 - 0.2860406) / 0.3530242, 1e-6),
        "test_std": around(0.3524441 / 0.3530242, 1e-6),
        # The nearest mean gets 6768 test images right, 12 of the last 16; of
        # 32-bit floats it may get 2 others wrong, or 2 more right.
        "nearest_mean_accuracy": (0.6766, 0.6770),
        "correct_average": (0.6766, 0.6770),
        "together": (0.6766, 0.6770),
        "last_share": 12 / 16,
        "average_of_averages": around(0.67853, 0.00005),
        "average_error": around(100 * 0.0234 * (12 / 16 - 6756 / 9984), 0.001),
        # With labels shuffled apart: 1/10, standard deviation 0.003.
        "apart": around(0.1, 0.003),
        # Counted; test_duplicates.py counts them in another way.
        "train_duplicates": 0,
        "test_duplicates": 0,
        "shared_images": 0,
        "label_conflicts": 0,
        "near_pairs": 22,
        "near_shared": 3,
        "near_points": around(100 * 3 / 10_000, 1e-12),
        "near_conflicts": 0,
        "num_agreed": 1_033,
        "num_doubtful": 15,
    },
    # Counting depends on no seed. NumPy gives these results in 64-bit floats;
    # three test images have two scores within 0.01 of each other, so rounding
    # may move an accuracy by 0.0003. Which products vanish depends on whether
    # a library keeps denormalized numbers: the ends of the ranges are NumPy's
    # counts of images beyond the limits of both kinds, with the prior and
    # without. Training: seeds 0 to 5 in each framework.
    pages.BAYES: {
        "num_test": 10_000,
        "nan_float32": (9_953, 10_000),
        "nan_float64": (2, 4),
        "zero_true_class": (16, 24),
        "nats_per_pixel": (0.3191, 0.3193),
        "pixels_float32": (323, 324),
        "pixels_float64": (2_331, 2_333),
        "accuracy_logs": (0.6477, 0.6483),
        # A tenth of the images that are lost, and the others.
        "accuracy_float32": (0.1, 0.105),
        "zero_counts": 669,
        "nan_scores": 10_000,
        "vetoed": 16,
        "all_vetoed": 1,
        "veto_share": (0.2612, 0.2613),
        "accuracy_unsmoothed": (0.6586, 0.6592),
        "few_unsmoothed": (0.2241, 0.2247),
        "few_smoothed": (0.5720, 0.5726),
        "few_all_vetoed": 5_932,
        "bayes_certainty": (0.9949, 0.9951),
        "bayes_loss": (34.2, 34.3),
        "softmax_accuracy": around(0.7897, 0.0029),
        "softmax_certainty": around(0.7867, 0.0053),
        "softmax_loss": around(0.6040, 0.0073),
        "weight_ratio": (26, 27),
        "chosen_threshold": 0.05,
        "chosen_accuracy": (0.7238, 0.7244),
    },
    pages.LINEAR_SCRATCH: {
        # An estimate of sigma from 997 degrees of freedom.
        "sigma": around(0.01, 0.01 / math.sqrt(2 * 997)),
        "largest_luck": (0, 4),  # the largest of three t variables
        # NumPy, 100 seeds: standard deviation up to 1.12 a parameter; what is
        # left of the way, 0.97 ** 300 of 4.2, is 1.4 standard errors at most.
        "largest_gap": (0, 6),
        # w / 10; gradients of single minibatches jitter it by about 0.06.
        "flat_w2": around(-0.34, 0.06),
        # Normal, and t with 7 degrees of freedom; 2,000 data sets each.
        "coverage_1000": around(0.95, math.sqrt(0.95 * 0.05 / 2000)),
        "coverage_10": around(0.909, math.sqrt(0.909 * 0.091 / 2000)),
    },
    pages.LINEAR_CONCISE: {
        "largest_gap": (0, 6),
        # NumPy, 20 seeds: mean 3.55, deviation 0.46; independent draws: 3.16.
        "jitter_ratio": around(3.55, 0.46),
    },
    # Seeds 0 to 5 in each framework; as on the concise page where it agrees.
    pages.SOFTMAX_SCRATCH: {
        "initial_loss": around(2.316, 0.0256),
        "train_loss": around(0.4471, 0.0004),
        "train_accuracy": around(0.8482, 0.0003),
        "test_accuracy": around(0.8321, 0.0028),
        "undivided_loss": around(44.6, 1.75),
        "undivided_test_accuracy": around(0.816, 0.0121),
        "divided_loss": around(0.5258, 0.0006),
    },
}
