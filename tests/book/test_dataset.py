"""The data that the book was built with are the authors' files."""

from d2l_extras.fashion_mnist import fashion_mnist


def test_the_dataset_of_this_machine_has_the_authors_shapes_and_labels():
    found = fashion_mnist()
    assert [array.shape for array in found] == [
        (60_000, 28, 28), (60_000,), (10_000, 28, 28), (10_000,)
    ]  # fmt: skip
    for labels, count in ((found.y_train, 6_000), (found.y_test, 1_000)):
        assert [(labels == label).sum() for label in range(10)] == [count] * 10
