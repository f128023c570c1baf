"""The implementations on Keras: the lecture's loop, `fit`, and memnets."""

import keras
import numpy as np
import tensorflow as tf
from equal_work import all_batches, blocks, probe, task_of

from memnets import Recording, lecture, train


class Loop:
    """The lecture's loop (F. Marquardt, "LSTM"), written anew."""

    def __init__(self, setting, weights):
        self.setting, self.probe = setting, probe(setting)
        self.model = self._build(weights)
        self.model.optimizer.build(self.model.trainable_variables)
        self.state = self.model.weights + self.model.optimizer.variables
        self.start = [variable.numpy() for variable in self.state]

    def _build(self, weights):
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
        """Compile what training uses, then restore the initial state."""
        self.train(1, 0)
        self._reset()

    def _reset(self):
        for variable, value in zip(self.state, self.start):
            variable.assign(value)

    def train(self, episodes, seed):
        """Return the losses and the recorded answers."""
        losses, records = [], []
        for inputs, targets in blocks(self.setting, episodes, seed):
            for x, y in zip(inputs, targets):
                losses.append(self.model.train_on_batch(x, y))
                records.append(self.model.predict_on_batch(self.probe.inputs))
        return losses, np.concatenate(records)

    def weights(self):
        """Return the weights in Keras's order."""
        return self.model.get_weights()

    def outputs_and_gradient(self, inputs, targets):
        """Return the outputs and the gradient for one batch."""
        with tf.GradientTape() as tape:
            outputs = self.model(inputs, training=True)
            loss = tf.reduce_mean((outputs - targets) ** 2)
        gradient = tape.gradient(loss, self.model.trainable_variables)
        return outputs.numpy(), [part.numpy() for part in gradient]


class Fit(Loop):
    """One call of `fit`, with a callback that records the answers."""

    def train(self, episodes, seed):
        """Return the losses and the recorded answers."""
        losses, records, inputs = [], [], self.probe.inputs

        class Recorder(keras.callbacks.Callback):
            def on_train_batch_end(self, batch, logs=None):
                losses.append(logs["loss"])
                records.append(self.model.predict_on_batch(inputs))

        self.model.fit(
            *map(np.concatenate, all_batches(self.setting, episodes, seed)),
            epochs=1,
            batch_size=self.setting.batch,
            shuffle=False,
            verbose=0,
            callbacks=[Recorder()],
        )
        return losses, np.concatenate(records)


class Memnets(Loop):
    """`memnets.train` with the engine that it chooses."""

    engine = "auto"

    def _build(self, weights):
        units = (self.setting.units, 2)
        return lecture(task_of(self.setting), units, self.setting.seed)

    def warm_up(self, episodes):
        """Compile what training uses, then restore the initial state."""
        # The number of episodes decides what is compiled.
        self.train(episodes, 0)
        self._reset()

    def train(self, episodes, seed):
        """Return the losses and the recorded answers."""
        run = train(
            self.model,
            task_of(self.setting),
            episodes,
            self.setting.batch,
            seed,
            Recording(self.probe, every=1),
            engine=self.engine,
            progress=False,
        )
        return run.losses, run.outputs[1:, 0]


class Compiled(Memnets):
    """`memnets.train` by its compiled path, which takes any Keras model."""

    engine = "xla"
