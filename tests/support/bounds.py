"""List the bounds that several seeds give for the results on the pages.

The bounds of the results of training come from `python -m bench.seeds`: ten
seeds in each framework, mean and standard deviation over the twenty runs. A
result may be four standard deviations from the mean. Training with softmax applied
twice ends in one of two modes, as the page explains, so its bounds cover both modes.
Results that do not depend on the seed must have their exact value.

    over 20 runs, page on applying softmax twice
                             mean     std     min     max
    once_accuracy          0.8321  0.0028  0.8260  0.8357
    ours[0]                1.7189  0.0224  1.7073  1.7628
    ours[-1]               0.7657  0.0234  0.7188  0.7782
    points_lost            6.6360  2.3323  4.9400 11.2900
    cured["loss"][-1]      0.4661  0.0014  0.4641  0.4695
    cured accuracy         0.8196  0.0150  0.7798  0.8318

The concise page holds out validation images. Its bounds come from the same training in
NumPy, with ten seeds.

    over 10 runs             mean     std     min     max
    loss, epoch 10         0.4544  0.0006  0.4533  0.4552
    loss, epoch 30         0.4104  0.0004  0.4098  0.4110
    test_accuracy          0.8315  0.0013  0.8294  0.8335
    shirt hardest, of 8       6.5     0.7       5       7
    lowest recall, shirt   0.4015  0.0787  0.2722  0.5041
    highest recall, shirt  0.7189  0.0350  0.6773  0.7701

The bounds for the page on linear regression come from twenty orders of the same
training set, in NumPy. The results of least squares do not depend on the order, and
were computed with numpy.linalg.lstsq.

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
BIRD_LOSS = 0.07104083679743685
BOUNDS = {
    pages.LINEAR: {
        # 344 penguins, without the 11 that have missing values.
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
        'history["loss"][-1]': around(0.4544, 0.0007),
        "test_accuracy": around(0.8315, 0.0028),
        # 196 sqrt(p (1 - p) / 10,000) at the ends of test_accuracy's range.
        "196 * (test_accuracy * (1 - test_accuracy) / len(labels)) ** 0.5":
            (0.71, 0.76),
        "(np.argmin(recall, axis=0) == 6).sum()": (3, 8),
        "recall[6].min()": around(0.40, 0.07),
        "recall[6].max()": around(0.72, 0.035),
        'history["val_accuracy"][-1]': around(0.8393, 0.0025),
        'longer["loss"][-1]': around(0.4104, 0.0007),
        'longer["val_accuracy"][-1]': around(0.8475, 0.0036),
    },
    pages.SOFTMAX_TWICE: {
        "once_accuracy": around(0.8321, 0.0028),
        "ours[0]": (1.70, 1.77),
        "ours[-1]": (0.71, 0.785),
        "points_lost": (3.5, 13.5),
        '" or ".join(given_up)': {"shirt", "coat or shirt", "coat"},
        'cured["loss"][-1]': around(0.4661, 0.0014),
        'cured["val_accuracy"][-1]': around(0.8196, 0.0150),
    },
    # No seed enters here: the counts of the birds (151, 68, 123 of 342), and
    # with them the entropy, are exact. The rest is computed in 64 bits, which
    # agree with NumPy's extended precision to 1e-16; 32 bits miss the loss by
    # 1e-8.
    pages.THEORY: {
        "n": 342,
        "max(accuracies)": around(319 / 342, 1e-9),
        "min(accuracies)": around(232 / 342, 1e-9),
        "one_hot_accuracy": around(317 / 342, 1e-9),
        "1 - wrong.mean()": around(330 / 342, 1e-9),
        "answer[1]": around(0.8747, 1e-4),
        "frequencies[1]": around(68 / 342, 1e-12),
        "entropy(frequencies) / np.log(2)": around(
            SPECIES_ENTROPY / math.log(2), 1e-12
        ),
        "(entropy(frequencies) - losses.mean()) / np.log(2)": around(
            (SPECIES_ENTROPY - BIRD_LOSS) / math.log(2), 1e-12
        ),
    },
    pages.DATASET: {
        # The nearest mean gets 6768 test images right, 12 of the last 16; of
        # 32-bit floats it may get 2 others wrong, or 2 more right.
        "correct.mean()": (0.6766, 0.6770),
        "accuracies[-1]": 12 / 16,
        "100 * (average - correct.mean())": around(
            100 * 0.0234 * (12 / 16 - 6756 / 9984), 0.001
        ),
    },
    # Counting depends on no seed. NumPy gives these results in 64-bit floats;
    # three test images have two scores within 0.01 of each other, so rounding
    # may move an accuracy by 0.0003. Which products vanish depends on whether
    # a library keeps denormalized numbers: the ends of the ranges are NumPy's
    # counts of images beyond the limits of both kinds, with the prior and
    # without. Training: seeds 0 to 5 in each framework.
    pages.BAYES: {
        "len(labels)": 10_000,
        "lost_32 / len(labels)": (0.9953, 1),
        "lost_64": (2, 4),
        "zero_true": (16, 24),
        "pixels_32": (323, 324),
        "pixels_64": (2_331, 2_333),
        "sum_accuracy": (0.6477, 0.6483),
        # A tenth of the lost images, and the others.
        "product_accuracy": (0.1, 0.105),
        "zeros.sum()": 669,
        "no_score": 10_000,
        "true_vetoes": 16,
        "all_vetoed": 1,
        "vetoes.mean()": (0.2612, 0.2613),
        "unsmoothed_accuracy": (0.6586, 0.6592),
        "accuracy(few_0, labels)": (0.2241, 0.2247),
        "accuracy(few_1, labels)": (0.5720, 0.5726),
        "few_vetoed": 5_932,
        "bayes[0]": (0.6477, 0.6483),
        "bayes[1]": (0.9949, 0.9951),
        "bayes[2]": (34.2, 34.3),
        "softmax[0]": around(0.7897, 0.0029),
        "softmax[1]": around(0.7867, 0.0053),
        "softmax[2]": around(0.6040, 0.0073),
        "spread[0] / spread[1]": (26, 27),
        "best_threshold": 0.05,
        "best_accuracy": (0.7238, 0.7244),
        # NumPy: a held-out loss of 1.0800 nats at 60, and 1.0832 at 70.
        "best_T": 60,
        "784 / best_T": 784 / 60,
        "heated[2]": (1.088, 1.090),
    },
    # NumPy's SGD starts at zero; ten epochs of it are as uneven as elsewhere. The
    # optimum depends on no seed: J in 64-bit floats, above which the page may stop
    # by its tolerance of 1e-5, and accuracies, in which that moves a few images.
    pages.LIMITS: {
        "sgd_accuracy": (0.820, 0.843),
        "best_decay": 1e-4,
        "best_J": (0.38105, 0.38108),
        "best_accuracy": (0.845, 0.847),
        "100 * margin": around(0.7077, 0.002),
        "CLASS_NAMES[hardest]": "shirt",
        "best_recall[hardest]": around(0.574, 0.001),
        # Counted. test_optimum.py counts them in a different way.
        "never.sum()": 78,
        # Without a minimum, the end point depends on every rounding error along the way.
        "free_accuracy": (0.822, 0.834),
        "chosen": 1e-4,
        "chosen_accuracy": (0.845, 0.847),
        # 0.846 less the test accuracy of SGD, and 196 times the deviation of
        # a difference of which 600 to 900 of 10,000 images are not zero.
        "100 * gain": (0.2, 2.6),
        "100 * gain_margin": (0.45, 0.6),
    },
    pages.LINEAR_SCRATCH: {
        # An estimate of sigma from 997 degrees of freedom.
        "sigma": around(0.01, 0.01 / math.sqrt(2 * 997)),
        "np.abs(luck).max()": (0, 4),  # the largest of three t variables
        # NumPy, 100 seeds: standard deviation up to 1.12 a parameter; what is
        # left of the way, 0.97 ** 300 of 4.2, is 1.4 standard errors at most.
        "np.abs(gap).max()": (0, 6),
        # w / 10; gradients of single minibatches jitter it by about 0.06.
        "flat[1]": around(-0.34, 0.06),
        # Normal, and t with 7 degrees of freedom; 2,000 data sets each.
        "many": around(0.95, math.sqrt(0.95 * 0.05 / 2000)),
        "few": around(0.909, math.sqrt(0.909 * 0.091 / 2000)),
    },
    pages.LINEAR_CONCISE: {
        "np.abs(gap).max()": (0, 6),
        # NumPy, 20 seeds: mean 2.620, deviation 0.008.
        "losses[100, 1][4]": around(2.62, 0.008),
        # NumPy on the page, seed 0 gave 3.54; 20 seeds: mean 3.40, deviation 0.30.
        "frozen_jitter / mixed_jitter": around(3.4, 0.3),
    },
    # NumPy, the same training with ten seeds.
    pages.SOFTMAX_SCRATCH: {
        "initial_loss": around(2.3066, 0.0165),
        "train_loss": around(0.4542, 0.0006),
        "valid_accuracy": around(0.8368, 0.0059),
        "test_accuracy": around(0.8288, 0.0062),
    },
}
