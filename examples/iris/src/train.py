"""Train a classifier on the iris measurements, then name the species of one flower."""

from pathlib import Path

import joblib
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler


def train_and_predict(measurements, test_share, seed):
    """Train on real data, score on what was held out, and predict one flower.

    measurements: sepal length and width, petal length and width, in centimetres.
    test_share: share of the 150 flowers that is held out, between 0 and 1.
    seed: which flowers those are; None draws anew each time.
    """
    iris = load_iris(as_frame=True)
    print(f"{len(iris.data)} flowers of {len(iris.target_names)} species")
    train, test, train_species, test_species = train_test_split(
        iris.data, iris.target, test_size=test_share, random_state=seed, stratify=iris.target
    )
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    model.fit(train, train_species)
    accuracy = model.score(test, test_species)
    print(f"trained on {len(train)} flowers, right for {accuracy:.1%} of the other {len(test)}")

    flower = train.iloc[:1].copy()
    flower.iloc[0] = measurements
    probabilities = model.predict_proba(flower)[0]
    print("the flower is most likely", iris.target_names[probabilities.argmax()])

    joblib.dump(model, "model.joblib")
    return {
        "species": iris.target_names[probabilities.argmax()],
        "accuracy": accuracy,
        "probabilities": dict(zip(iris.target_names, probabilities.round(4), strict=True)),
        "model": {"path": str(Path("model.joblib"))},
    }
