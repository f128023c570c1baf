"""The players on Keras: the lecture's loop, `fit`, and memnets."""

import numpy as np
from equal_work import lessons, make_task, probe, whole


class Loop:
    """The lecture's loop (F. Marquardt, "LSTM"), in our own words."""

    def __init__(self, setting, weights):
        import keras

        self.setting, self.probe = setting, probe(setting)
        self.model = self._build(keras, weights)
        self.model.optimizer.build(self.model.trainable_variables)
        self.state = self.model.weights + self.model.optimizer.variables
        self.start = [variable.numpy() for variable in self.state]

    def _build(self, keras, weights):
        channels = self.probe.inputs.shape[-1]
        layers = [
            keras.layers.LSTM(units, return_sequences=True)
            for units in (self.setting.units, 2)
        ]
        model = keras.Sequential([keras.Input((None, channels)), *layers])
        model.compile(optimizer="adam", loss="mean_squared_error")
        model.set_weights(weights)
        return model

    def warm_up(self, episodes):
        """Import and compile what training uses, then start afresh."""
        self.train(1, 0)
        for variable, value in zip(self.state, self.start):
            variable.assign(value)

    def train(self, episodes, seed):
        """Return the losses and the recorded answers."""
        losses, records = [], []
        for inputs, targets in lessons(self.setting, episodes, seed):
            for x, y in zip(inputs, targets):
                losses.append(self.model.train_on_batch(x, y))
                records.append(self.model.predict_on_batch(self.probe.inputs))
        return losses, np.concatenate(records)

    def weights(self):
        """Return the weights as Keras orders them."""
        return self.model.get_weights()

    def study(self, inputs, targets):
        """Return the outputs and the gradient for one batch."""
        import tensorflow as tf

        with tf.GradientTape() as tape:
            outputs = self.model(inputs, training=True)
            loss = tf.reduce_mean((outputs - targets) ** 2)
        gradient = tape.gradient(loss, self.model.trainable_variables)
        return outputs.numpy(), [part.numpy() for part in gradient]


class Fit(Loop):
    """One call of `fit`, with a callback that asks for the probe."""

    def train(self, episodes, seed):
        """Return the losses and the recorded answers."""
        import keras

        losses, records, asked = [], [], self.probe.inputs

        class Recorder(keras.callbacks.Callback):
            def on_train_batch_end(self, batch, logs=None):
                losses.append(logs["loss"])
                records.append(self.model.predict_on_batch(asked))

        self.model.fit(
            *map(np.concatenate, whole(self.setting, episodes, seed)),
            epochs=1,
            batch_size=self.setting.batch,
            shuffle=False,
            verbose=0,
            callbacks=[Recorder()],
        )
        return losses, np.concatenate(records)


class Memnets(Loop):
    """`memnets.train`, as it chooses by itself."""

    engine = "auto"

    def _build(self, keras, weights):
        from memnets.networks import lecture

        units = (self.setting.units, 2)
        return lecture(make_task(self.setting), units, self.setting.seed)

    def warm_up(self, episodes):
        """Compile what training uses, then start afresh."""
        # As many as will be timed: what is chosen depends on their number.
        self.train(episodes, 0)
        for variable, value in zip(self.state, self.start):
            variable.assign(value)

    def train(self, episodes, seed):
        """Return the losses and the recorded answers."""
        from memnets.training import train

        run = train(
            self.model,
            make_task(self.setting),
            episodes,
            self.setting.batch,
            self.probe,
            seed,
            engine=self.engine,
            record_every=1,
            progress=False,
        )
        return run.losses, run.outputs[1:, 0]


class General(Memnets):
    """`memnets.train` by its compiled path, which takes any Keras model."""

    engine = "xla"
