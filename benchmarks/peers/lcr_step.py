"""One LCR step in PyTorch: the peer of the suite's own, for step.py and epoch.py."""
import torch
import torch.nn.functional as F
from torch import nn

DIM, PROJECTIONS, KEY_MOMENTUM = 256, 32, 0.999


def convolution(inputs, outputs, kernel, stride=1):
    return nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)


class Block(nn.Module):
    """A residual block: a chain of (convolution, batch norm), ReLU between and after the sum."""

    def __init__(self, inputs, convolutions, stride):
        super().__init__()
        outputs = convolutions[-1].out_channels
        self.convolutions = nn.ModuleList(convolutions)
        self.norms = nn.ModuleList(nn.BatchNorm2d(c.out_channels) for c in convolutions)
        self.shortcut = None
        if stride != 1 or inputs != outputs:
            self.shortcut = nn.Sequential(convolution(inputs, outputs, 1, stride),
                                          nn.BatchNorm2d(outputs))

    def forward(self, x):
        y = x
        for i, (conv, norm) in enumerate(zip(self.convolutions, self.norms)):
            y = norm(conv(y))
            if i + 1 < len(self.norms):
                y = F.relu(y, inplace=True)
        y += x if self.shortcut is None else self.shortcut(x)
        return F.relu(y, inplace=True)


class Backbone(nn.Module):
    def __init__(self, arch, stem):
        super().__init__()
        narrow = arch == "narrow"
        counts = {"narrow": [1, 1, 1, 1], "resnet18": [2, 2, 2, 2],
                  "resnet50": [3, 4, 6, 3], "resnet50_c4": [3, 4, 6]}[arch]
        base = 32 if narrow else 64
        if narrow:
            self.stem = convolution(3, base, 3, 2)
        elif stem == "cifar":
            self.stem = convolution(3, base, 3)
        else:
            self.stem = convolution(3, base, 7, 2)
        self.norm = nn.BatchNorm2d(base)
        self.pool = not narrow and stem == "imagenet"
        blocks, channels = [], base
        for stage, count in enumerate(counts):
            planes = base << stage
            for i in range(count):
                strides = [1, 2, 2, 1] if narrow else [1, 2, 2, 2]
                stride = strides[stage] if i == 0 else 1
                if arch.startswith("resnet50"):
                    chain = [convolution(channels, planes, 1),
                             convolution(planes, planes, 3, stride),
                             convolution(planes, 4 * planes, 1)]
                else:
                    chain = [convolution(channels, planes, 3, stride),
                             convolution(planes, planes, 3)]
                blocks.append(Block(channels, chain, stride))
                channels = chain[-1].out_channels
        self.blocks = nn.Sequential(*blocks)
        self.channels = channels

    def forward(self, x):
        x = F.relu(self.norm(self.stem(x)), inplace=True)
        if self.pool:
            x = F.max_pool2d(x, 3, 2, 1)
        return self.blocks(x)


class Encoder(nn.Module):
    def __init__(self, arch, stem, precision):
        super().__init__()
        self.backbone = Backbone(arch, stem)
        channels = self.backbone.channels
        self.head = nn.Sequential(nn.Linear(channels, channels), nn.ReLU(inplace=True),
                                  nn.Linear(channels, DIM))
        self.bfloat16 = precision == "bfloat16"

    def forward(self, x):
        with torch.autocast(x.device.type, torch.bfloat16, enabled=self.bfloat16):
            features = self.backbone(x)
        features = features.float()
        return features, F.normalize(self.head(features.mean((2, 3))), dim=1)


class LcrStep:
    """MoCo v2 with the GradCAM fitting branch. foreach: one operation over all tensors in SGD and the
    momentum update, else a loop, as in the authors' code."""

    def __init__(self, arch, stem, batch, device=torch.device("cpu"), precision="float32",
                 channels_last=True, foreach=True, compiled=False):
        self.batch, self.foreach, self.position, self.size = batch, foreach, 0, batch * 16
        self.query, key = (Encoder(arch, stem, precision) for _ in range(2))
        key.load_state_dict(self.query.state_dict())
        key.requires_grad_(False)
        self.key = key
        self.branch = nn.Sequential(
            nn.Conv2d(self.query.backbone.channels, PROJECTIONS, 1, bias=False),
            nn.BatchNorm2d(PROJECTIONS), nn.ReLU(inplace=True))
        self.format = torch.channels_last if channels_last else torch.contiguous_format
        for module in (self.query, key, self.branch):
            module.to(device, memory_format=self.format).train()
        parameters = [*self.query.parameters(), *self.branch.parameters()]
        self.optimizer = torch.optim.SGD(parameters, 0.001, momentum=0.9, weight_decay=1e-4,
                                         foreach=foreach)
        if compiled:
            self.query.backbone.compile()
            key.backbone.compile()
        self.pairs = [list(key.parameters()), list(self.query.parameters())]
        self.queue = F.normalize(torch.randn(DIM, self.size, device=device), dim=0)
        self.classes = torch.zeros(batch, dtype=torch.long, device=device)

    def mask(self, features):
        """Attention over places, N x h x w, each from 0 to 1."""
        mask = self.branch(features).amax(1)
        mask = mask - mask.amin((1, 2), keepdim=True)
        return mask / (mask.amax((1, 2), keepdim=True) + 1e-7)

    def __call__(self, query_view, key_view):
        """Returns the loss, which may still be under way on the device."""
        features, q = self.query(query_view.contiguous(memory_format=self.format))
        with torch.no_grad():
            k = self.key(key_view.contiguous(memory_format=self.format))[1]
        positive = (q * k).sum(1, keepdim=True)
        loss = F.cross_entropy(torch.cat([positive, q @ self.queue], 1) / 0.2, self.classes)
        mask = self.mask(features)
        gradient, = torch.autograd.grad(positive.sum(), features, retain_graph=True)
        cam = F.relu((features.detach() * gradient).sum(1))
        cam = cam / (cam.amax((1, 2), keepdim=True) + 1e-7)
        loss = loss + F.kl_div(F.log_softmax(mask.flatten(1) / 0.4, 1),
                               F.softmax(cam.flatten(1) / 0.4, 1), reduction="batchmean")
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()
        with torch.no_grad():
            if self.foreach:
                torch._foreach_mul_(self.pairs[0], KEY_MOMENTUM)
                torch._foreach_add_(*self.pairs, alpha=1 - KEY_MOMENTUM)
            else:
                for average, parameter in zip(*self.pairs):
                    average.data = average.data * KEY_MOMENTUM + parameter.data * (1 - KEY_MOMENTUM)
            self.queue[:, self.position:self.position + self.batch] = k.t()
        self.position = (self.position + self.batch) % self.size
        return loss
