"""The implementation on PyTorch."""

import numpy as np
import torch
from cases import BETA_1, BETA_2, EPSILON, LEARNING_RATE
from equal_work import blocks, probe


class Torch:
    """PyTorch, eager, in one thread."""

    def __init__(self, setting, weights):
        torch.set_num_threads(1)
        self.setting, self.start = setting, weights
        self.probe = torch.from_numpy(probe(setting).inputs)
        self._reset()

    def _reset(self):
        self.layers = []
        for kernel, recurrent, bias in (self.start[:3], self.start[3:]):
            layer = torch.nn.LSTM(len(kernel), len(recurrent), batch_first=True)
            with torch.no_grad():
                layer.weight_ih_l0.copy_(torch.from_numpy(kernel.T))
                layer.weight_hh_l0.copy_(torch.from_numpy(recurrent.T))
                layer.bias_ih_l0.copy_(torch.from_numpy(bias))
                # Keras has one bias; with two it would learn twice as fast.
                layer.bias_hh_l0.zero_().requires_grad_(False)
            self.layers.append(layer)
        self.parameters = [
            getattr(layer, name)
            for layer in self.layers
            for name in ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0")
        ]
        # The fused Adam was the fastest of those tried.
        betas = BETA_1, BETA_2
        self.optimizer = torch.optim.Adam(
            self.parameters, LEARNING_RATE, betas, fused=True
        )
        self.updates = 0

    def warm_up(self, episodes):
        """Train once, which initializes PyTorch, then start afresh."""
        self.train(1, 0)
        self._reset()

    def _outputs(self, inputs):
        for layer in self.layers:
            inputs, _ = layer(inputs)
        return inputs

    def train(self, episodes, seed):
        """Return the losses and the recorded answers."""
        losses, records = [], []
        for block in blocks(self.setting, episodes, seed):
            for x, y in zip(*map(torch.from_numpy, block)):
                self.optimizer.zero_grad()
                loss = torch.nn.functional.mse_loss(self._outputs(x), y)
                loss.backward()
                # PyTorch adds epsilon after the bias correction, Keras
                # before it.
                self.updates += 1
                epsilon = EPSILON / (1 - BETA_2**self.updates) ** 0.5
                self.optimizer.param_groups[0]["eps"] = epsilon
                self.optimizer.step()
                losses.append(loss.item())
                with torch.inference_mode():
                    records.append(self._outputs(self.probe).numpy())
        return losses, np.concatenate(records)

    def weights(self):
        """Return the weights in Keras's order."""
        return [p.detach().numpy().T.copy() for p in self.parameters]

    def outputs_and_gradient(self, inputs, targets):
        """Return the outputs and the gradient for one batch."""
        outputs = self._outputs(torch.from_numpy(inputs))
        targets = torch.from_numpy(targets)
        torch.nn.functional.mse_loss(outputs, targets).backward()
        gradient = [p.grad.numpy().T.copy() for p in self.parameters]
        self.optimizer.zero_grad()
        return outputs.detach().numpy(), gradient
