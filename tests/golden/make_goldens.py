#!/usr/bin/python3
"""Writes method_1.safetensors to method_3.safetensors from an independent PyTorch twin of MoCo v2, BYOL,
SimSiam and LCR on each.

For tests/method/golden_test.cpp. Written from the paper's Algorithm A1 and from what is known of
the authors' code. Needs Debian's python3-torch. All in float64: a tiny network (narrow, width 2) on
24-pixel inputs, batch 4, queue 8, embedding dimension 5.

Tensors in the file:
  input/q, input/k                      steps x N x 3 x 24 x 24 (float32)
  init/<parameter>                      initial weights; the key encoder starts as the query encoder
  <case>/target, mask                   N x 3 x 3, step 0: the map that the branch fits, and the
                                        normalised mask
  <case>/loss                           5 x 3: total, contrastive, KL of every step
  <case>/grad/<parameter>               gradients of step 0
  <case>/after/<name>                   key encoder, queue and branch statistics after 5 steps
The file's metadata has the settings of each case as "name=value ...", with the suite's option
names.
"""
import hashlib
import pathlib

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from safetensors_file import save

torch.set_num_threads(1)
torch.set_default_dtype(torch.float64)
N, QUEUE, DIM, WIDTH, HIDDEN = 4, 8, 5, 2, 7
STEPS, LR, M, T, MOMENTUM, DECAY = 5, 0.05, 0.9, 0.2, 0.9, 1e-4
SEED = 0


class CounterRng:
    """The suite's counter RNG: Philox 4x32-10, keyed by the SHA-256 of seed and purpose."""

    def __init__(self, seed, purpose, a=0, b=0, c=0):
        digest = hashlib.sha256(f"{seed}/{purpose}".encode()).hexdigest()
        self.key = [int(digest[0:8], 16), int(digest[8:16], 16)]
        self.counter, self.block = [0, a, b, c], []

    def next(self):
        if not self.block:
            x, k = list(self.counter), list(self.key)
            for _ in range(10):
                p0, p1 = 0xD2511F53 * x[0], 0xCD9E8D57 * x[2]
                x = [
                    (p1 >> 32) ^ x[1] ^ k[0],
                    p1 & 0xFFFFFFFF,
                    (p0 >> 32) ^ x[3] ^ k[1],
                    p0 & 0xFFFFFFFF,
                ]
                k = [(k[0] + 0x9E3779B9) & 0xFFFFFFFF, (k[1] + 0xBB67AE85) & 0xFFFFFFFF]
            self.block = x
            self.counter[0] += 1
        return self.block.pop(0)

    def below(self, bound):
        threshold = (2**32 - bound) % bound
        while True:
            product = self.next() * bound
            if product & 0xFFFFFFFF >= threshold:
                return product >> 32

    def permutation(self, count):
        order = list(range(count))
        for i in range(count, 1, -1):
            j = self.below(i)
            order[i - 1], order[j] = order[j], order[i - 1]
        return order


class BatchNorm(nn.BatchNorm2d):
    """Statistics over `groups` consecutive parts of the batch.

    Running statistics are the mean of the groups'.
    """

    groups = 1

    def forward(self, x):
        if self.groups == 1 or not self.training:
            return super().forward(x)
        means, variances, parts = [], [], []
        for part in x.chunk(self.groups):
            mean, var = self.running_mean.clone(), self.running_var.clone()
            parts.append(
                F.batch_norm(
                    part, mean, var, self.weight, self.bias, True, self.momentum, self.eps
                )
            )
            means.append(mean)
            variances.append(var)
        self.running_mean.copy_(sum(means) / self.groups)
        self.running_var.copy_(sum(variances) / self.groups)
        return torch.cat(parts)


class Block(nn.Module):
    def __init__(self, cin, cout, stride):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(cin, cout, 3, stride, 1, bias=False), BatchNorm(cout)
        self.conv2, self.bn2 = nn.Conv2d(cout, cout, 3, 1, 1, bias=False), BatchNorm(cout)
        self.downsample = None
        if cin != cout or stride != 1:
            self.downsample = nn.Sequential(
                nn.Conv2d(cin, cout, 1, stride, bias=False), BatchNorm(cout)
            )

    def forward(self, x):
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(y + (x if self.downsample is None else self.downsample(x)))


class Backbone(nn.Module):
    def __init__(self):
        super().__init__()
        w = WIDTH
        self.conv1, self.bn1 = nn.Conv2d(3, w, 3, 2, 1, bias=False), BatchNorm(w)
        self.layer1 = nn.Sequential(Block(w, w, 1))
        self.layer2 = nn.Sequential(Block(w, 2 * w, 2))
        self.layer3 = nn.Sequential(Block(2 * w, 4 * w, 2))
        self.layer4 = nn.Sequential(Block(4 * w, 8 * w, 1))

    def forward(self, x):
        return self.layer4(self.layer3(self.layer2(self.layer1(F.relu(self.bn1(self.conv1(x)))))))


class Encoder(nn.Module):
    def __init__(self, maps):
        super().__init__()
        c = 8 * WIDTH
        self.backbone = Backbone()
        if maps:
            self.bilinear = nn.Module()
            self.bilinear.conv = nn.Conv2d(c, maps, 1, bias=False)
            self.bilinear.bn = BatchNorm(maps)
        self.maps = maps
        self.head = nn.Sequential(nn.Linear(c * max(1, maps), c), nn.ReLU(), nn.Linear(c, DIM))

    def forward(self, x):
        f = self.backbone(x)
        if self.maps:
            weight = F.relu(self.bilinear.bn(self.bilinear.conv(f)))
            pooled = torch.cat([(f * weight[:, j:j + 1]).mean((2, 3)) for j in range(self.maps)], 1)
        else:
            pooled = f.mean((2, 3))
        return f, F.normalize(self.head(pooled), dim=1)


class Gfb(nn.Module):
    def __init__(self, k, mlp):
        super().__init__()
        c = 8 * WIDTH
        if mlp:
            self.hidden, self.hidden_bn = nn.Conv2d(c, c // 4, 1, bias=False), BatchNorm(c // 4)
            c, k = c // 4, 1
        self.mlp = mlp
        self.conv, self.bn = nn.Conv2d(c, k, 1, bias=False), BatchNorm(k)

    def forward(self, f):
        if self.mlp:
            return self.bn(self.conv(F.relu(self.hidden_bn(self.hidden(f))))).squeeze(1)
        return F.relu(self.bn(self.conv(f))).max(1)[0]


class ByolModel(nn.Module):
    def __init__(self, s):
        super().__init__()
        self.online, self.target = Encoder(0), Encoder(0)
        for encoder in (self.online, self.target):
            encoder.head = self.mlp(8 * WIDTH)
        self.predictor = self.mlp(DIM)
        if s["method"] == "byol_lcr":
            self.gfb = Gfb(3, False)

    @staticmethod
    def mlp(cin):
        return nn.Sequential(
            nn.Linear(cin, HIDDEN), nn.BatchNorm1d(HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, DIM)
        )


class SimSiamModel(nn.Module):
    def __init__(self, s):
        super().__init__()
        c = 8 * WIDTH
        self.encoder = nn.Module()
        self.encoder.backbone = Backbone()
        self.projector = nn.Sequential(
            nn.Linear(c, c, bias=False), nn.BatchNorm1d(c), nn.ReLU(),
            nn.Linear(c, c, bias=False), nn.BatchNorm1d(c), nn.ReLU(),
            nn.Linear(c, DIM, bias=False), nn.BatchNorm1d(DIM, affine=False),
        )
        self.predictor = ByolModel.mlp(DIM)
        if s["method"] == "simsiam_lcr":
            self.gfb = Gfb(3, False)


class Lars(torch.optim.Optimizer):
    """Decays weights and scales their step by trust |p| / |d|; plain momentum for vectors."""

    def __init__(self, parameters, lr, momentum, weight_decay, trust):
        super().__init__(
            parameters, dict(lr=lr, momentum=momentum, decay=weight_decay, trust=trust)
        )

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for p in group["params"]:
                d = p.grad
                if p.dim() > 1:
                    d = d + group["decay"] * p
                    if p.norm() > 0 and d.norm() > 0:
                        d = d * (group["trust"] * p.norm() / d.norm())
                v = self.state[p].get("v", torch.zeros_like(p))
                v = group["momentum"] * v + group["lr"] * d
                self.state[p]["v"] = v
                p.sub_(v)


class Model(nn.Module):
    def __init__(self, s):
        super().__init__()
        maps = 8 if s["method"] == "moco_bilinear" else 0
        self.query, self.key = Encoder(maps), Encoder(maps)
        if s["method"] == "lcr":
            self.gfb = Gfb(3, s["gfb"] == "mlp")
        self.queue = nn.Module()
        self.queue.register_buffer("keys", torch.zeros(DIM, QUEUE))


def normalise(x, how):
    if how == "none":
        return x
    if how == "batch":
        x = x - x.min()
        return x / (x.max() + 1e-7)
    x = x - x.amin((1, 2), keepdim=True)
    return x / (x.amax((1, 2), keepdim=True) + 1e-7)


def direction(model, s, xq, xk, step, which):
    f, q = model.query(xq)
    with torch.no_grad():
        groups = int(s["key-bn-groups"])
        if groups > 1:
            order = torch.tensor(CounterRng(SEED, "shuffling BN", step, which).permutation(N))
            fk, k = model.key(xk[order])  # the maps stay shuffled, as in the authors' code
            k = k[order.argsort()]
        else:
            fk, k = model.key(xk)
    pos, neg = (q * k).sum(1, keepdim=True), q @ model.queue.keys
    ce = F.cross_entropy(torch.cat([pos, neg], 1) / T, torch.zeros(N, dtype=torch.long))
    if s["method"] != "lcr":
        return ce, ce, torch.zeros(()), None, None, k
    if s["gfb-bn-updates"] == "as_authors":
        with torch.no_grad():
            model.gfb(f)
            model.gfb(fk)
    return with_rationale(model, s, f, ce, pos, step, which) + (k,)


def bootstrap(model, s, xq, xk, step):
    def project(encoder, f):
        return encoder.head(f.mean((2, 3)))

    fq = model.online.backbone(xq)
    zq = project(model.online, fq)
    zk = project(model.online, model.online.backbone(xk))
    pq, pk = model.predictor(zq), model.predictor(zk)
    with torch.no_grad():
        tq = project(model.target, model.target.backbone(xq))
        tk = project(model.target, model.target.backbone(xk))
    loss = (
        -F.cosine_similarity(pq, tk, dim=-1).mean() / 2
        - F.cosine_similarity(pk, tq, dim=-1).mean() / 2
    )
    if s["method"] == "byol":
        return loss, loss, torch.zeros(()), None, None
    return with_rationale(model, s, fq, loss, F.cosine_similarity(pq, tk, dim=-1), step, 0)


def simsiam(model, s, xq, xk, step):
    fq = model.encoder.backbone(xq)
    zq = model.projector(fq.mean((2, 3)))
    zk = model.projector(model.encoder.backbone(xk).mean((2, 3)))
    pq, pk = model.predictor(zq), model.predictor(zk)
    pos = F.cosine_similarity(pq, zk.detach(), dim=-1)
    loss = -(pos.mean() + F.cosine_similarity(pk, zq.detach(), dim=-1).mean()) / 2
    if s["method"] == "simsiam":
        return loss, loss, torch.zeros(()), None, None
    return with_rationale(model, s, fq, loss, pos, step, 0)


def with_rationale(model, s, f, ce, pos, step, which):
    mask = normalise(model.gfb(f), s["mask-norm"])
    if s["cam-source"] == "uniform":
        cam = torch.zeros(N, 3, 3)
    else:
        scalar = ce if s["cam-source"] == "loss" else pos.sum()
        g = torch.autograd.grad(scalar, f, retain_graph=True)[0]
        cam = F.relu(((f.detach() if s["detach-target"] == "yes" else f) * g).sum(1))
        if s["cam-scale"] == "max":
            cam = cam / (cam.amax((1, 2), keepdim=True) + 1e-7)
        elif s["cam-scale"] == "minmax":
            cam = normalise(cam, "image")
        if s["cam-source"] == "shuffled":
            cam = cam[torch.tensor(CounterRng(SEED, "shuffled target", step, which).permutation(N))]
    tau = float(s["tau"])
    if s["kl-axis"] == "rows":
        a, b = mask / tau, cam / tau
    else:
        a, b = mask.flatten(1) / tau, cam.flatten(1) / tau
    kl = F.kl_div(a.log_softmax(-1), b.softmax(-1), reduction=s["kl-reduction"])
    return float(s["lambda"]) * ce + float(s["nu"]) * kl, ce, kl, mask, cam


VARIANTS = {
    "authors_code": ("loss", "rows", "1", "none", "batch", "no", "sum", "as_authors"),
    "algorithm_a1": ("positive_logit", "positions", "0.4", "none", "none", "yes", "sum", "once"),
    "algorithm_a1_rescaled": (
        "positive_logit", "positions", "0.4", "max", "image", "yes", "sum", "once"
    ),
}
VARIANTS["authors_code_byol"] = ("loss", "positions", "0.4", "none", "batch", "no", "sum", "once")
SWITCHES = (
    "cam-source",
    "kl-axis",
    "tau",
    "cam-scale",
    "mask-norm",
    "detach-target",
    "kl-reduction",
    "gfb-bn-updates",
)


def settings(variant="algorithm_a1_rescaled", **changes):
    s = dict(zip(SWITCHES, VARIANTS[variant]))
    s.update({
        "method": "lcr",
        "gfb": "max_projections",
        "lambda": "1",
        "nu": "0.1",
        "key-bn-groups": "1",
        "symmetric": "no",
        "optimizer": "sgd",
    })
    s.update({k.replace("_", "-"): v for k, v in changes.items()})
    return s


CASES = {
    "moco": settings(method="moco_v2"),
    "moco_split": settings(method="moco_v2", key_bn_groups="2"),
    "moco_symmetric": settings(method="moco_v2", symmetric="yes"),
    "moco_bilinear": settings(method="moco_bilinear"),
    "authors_code": settings("authors_code"),
    "algorithm_a1": settings("algorithm_a1"),
    "rescaled": settings(),
    "cam_loss": settings(cam_source="loss"),
    "cam_uniform": settings(cam_source="uniform"),
    "cam_shuffled": settings(cam_source="shuffled"),
    "kl_rows": settings(kl_axis="rows"),
    "tau_1": settings(tau="1"),
    "scale_none": settings(cam_scale="none"),
    "scale_minmax": settings(cam_scale="minmax"),
    "mask_batch": settings(mask_norm="batch"),
    "mask_none": settings(mask_norm="none"),
    "undetached": settings(detach_target="no"),
    "undetached_authors_detached": settings("authors_code", detach_target="yes"),
    "kl_batchmean": settings(kl_reduction="batchmean"),
    "kl_mean": settings(kl_reduction="mean"),
    "bn_as_authors": settings(gfb_bn_updates="as_authors"),
    "lambda_half_nu_1": settings(**{"lambda": "0.5", "nu": "1"}),
    "lcr_symmetric": settings(symmetric="yes"),
    "lcr_split": settings(key_bn_groups="2"),
    "authors_split": settings("authors_code", key_bn_groups="2"),
    "mlp": settings(gfb="mlp"),
    "byol": settings(method="byol"),
    "byol_lars": settings(method="byol", optimizer="lars", lars_trust="0.1"),
    "byol_authors": settings(
        "authors_code_byol", method="byol_lcr", optimizer="lars", lars_trust="0.1"
    ),
    # The authors' LARS reads its velocity and never stores it (docs/fidelity.md).
    "byol_no_momentum": settings(
        "authors_code_byol", method="byol_lcr", optimizer="lars", lars_trust="0.1",
        sgd_momentum="0",
    ),
    "byol_rescaled": settings(method="byol_lcr"),
    "simsiam": settings(method="simsiam"),
    "simsiam_rescaled": settings(method="simsiam_lcr"),
    "simsiam_cam_loss": settings(method="simsiam_lcr", cam_source="loss"),
}


generator = torch.Generator().manual_seed(1)


def draw(p, scale):
    """Initial values of a parameter: 1 + 0.1 times normal for vectors, else scale times normal."""
    if p.dim() == 1:
        return 1 + 0.1 * torch.randn(p.shape, generator=generator)
    return scale * torch.randn(p.shape, generator=generator)


inputs = {n: torch.randn(STEPS, N, 3, 24, 24, generator=generator).float() for n in ("q", "k")}
init = {}
for case in (settings(), settings(gfb="mlp"), settings(method="moco_bilinear")):
    for name, p in Model(case).named_parameters():
        # Structures whose parameters share a name but not a shape get their own prefix.
        slot = "mlp/" if case["gfb"] == "mlp" else ""
        if case["method"] == "moco_bilinear":
            slot = "bilinear/"
        is_new = not slot or tuple(init.get(name, p[None]).shape) != tuple(p.shape)
        if not name.startswith("key.") and is_new:
            init[slot + name] = draw(p, 1.0 if p.dim() < 2 else (2.0 / p[0].numel()) ** 0.5)
init["queue.keys"] = F.normalize(torch.randn(DIM, QUEUE, generator=generator), dim=0)
for name, p in ByolModel(settings(method="byol_lcr")).named_parameters():
    if name.startswith(("online.head.", "predictor.")):
        init[name] = draw(p, 1.0 if p.dim() == 1 else (2.0 / p.shape[1]) ** 0.5)

for name, p in SimSiamModel(settings(method="simsiam")).named_parameters():
    if name.startswith("projector."):
        init[name] = draw(p, 1.0 if p.dim() == 1 else (2.0 / p.shape[1]) ** 0.5)

out = {"input/q": inputs["q"], "input/k": inputs["k"]}
out.update({"init/" + n: v for n, v in init.items()})
for case, s in CASES.items():
    byol = s["method"].startswith("byol")
    siamese = s["method"].startswith("simsiam")
    model = ByolModel(s) if byol else SimSiamModel(s) if siamese else Model(s)
    slot = "mlp/" if s["gfb"] == "mlp" else ""
    if s["method"] == "moco_bilinear":
        slot = "bilinear/"
    with torch.no_grad():
        for name, p in model.named_parameters():
            if name.startswith("key."):
                source = name.replace("key.", "query.", 1)
            else:
                source = name.replace("target.", "online.", 1)
            source = source.replace("online.backbone.", "query.backbone.")
            source = source.replace("encoder.backbone.", "query.backbone.")
            p.copy_(init.get(slot + source, init.get(source)))
        if not byol and not siamese:
            model.queue.keys.copy_(init["queue.keys"])
    for module in model.modules():
        if isinstance(module, BatchNorm):
            module.groups = int(s["key-bn-groups"])
    trained = {n: p for n, p in model.named_parameters() if not n.startswith(("key.", "target."))}
    if s["optimizer"] == "lars":
        momentum = float(s.get("sgd-momentum", MOMENTUM))
        optimiser = Lars(trained.values(), LR, momentum, DECAY, float(s["lars-trust"]))
    else:
        optimiser = torch.optim.SGD(trained.values(), LR, momentum=MOMENTUM, weight_decay=DECAY)
    losses, position = [], 0
    for step in range(STEPS):
        xq, xk = inputs["q"][step].double(), inputs["k"][step].double()
        if byol:
            total, ce, kl, mask, cam = bootstrap(model, s, xq, xk, step)
            new_keys = []
        elif siamese:
            total, ce, kl, mask, cam = simsiam(model, s, xq, xk, step)
            new_keys = []
        else:
            total, ce, kl, mask, cam, keys = direction(model, s, xq, xk, step, 0)
            new_keys = [keys]
        if s["symmetric"] == "yes":
            t2, ce2, kl2, _, _, keys = direction(model, s, xk, xq, step, 1)
            total, ce, kl = total + t2, ce + ce2, kl + kl2
            new_keys.append(keys)
        optimiser.zero_grad()
        total.backward()
        if step == 0:
            if mask is not None:
                out[f"{case}/mask"], out[f"{case}/target"] = mask, cam
            out.update({f"{case}/grad/{n}": p.grad.clone() for n, p in trained.items()})
        optimiser.step()
        with torch.no_grad():
            trained_encoder, copy = (
                (model.online, model.target) if byol else
                (nn.Module(), nn.Module()) if siamese else (model.query, model.key)
            )
            for p, k in zip(trained_encoder.parameters(), copy.parameters()):
                k.mul_(M).add_(p, alpha=1 - M)
        for keys in new_keys:
            model.queue.keys[:, position:position + N] = keys.t()
            position = (position + N) % QUEUE
        losses.append(torch.stack([total, ce, kl]).detach())
    out[f"{case}/loss"] = torch.stack(losses)
    for name, value in list(model.named_parameters()) + list(model.named_buffers()):
        kept = ("encoder.",) if siamese else ("key.", "target.", "queue.")
        if name.startswith(kept + ("gfb.bn",)) and "num_batches" not in name:
            out[f"{case}/after/{name}"] = value.clone()

folder = pathlib.Path(__file__).parent
# Several files, so that none is large; the inputs are in the first.
names = list(CASES)
old = names.index("simsiam")
for number, chosen in enumerate((names[:old // 2], names[old // 2:old], names[old:]), 1):
    def is_held(tensor):
        if tensor.startswith("init/projector."):
            return number == 3
        case = tensor.split("/")[0]
        return case in chosen or (number == 1 and case not in CASES)

    held = {t: v for t, v in out.items() if is_held(t)}
    path = folder / f"method_{number}.safetensors"
    save(path, held, {c: " ".join(f"{k}={v}" for k, v in CASES[c].items()) for c in chosen})
    print(path, len(held), "tensors", path.stat().st_size, "bytes")


# Backbones against torchvision, on weights that both sides compute from the parameter's name, so
# that none need to be stored: element i is sin(0.37 i + phase), scaled.
def formula(name, shape):
    phase = sum((i + 1) * b for i, b in enumerate(name.encode())) % 1000
    x = np.sin(0.37 * np.arange(int(np.prod(shape)), dtype=np.float64) + phase).reshape(shape)
    if name.endswith("running_var"):
        return 1 + 0.5 * x * x
    if len(shape) == 1:
        return (1 if name.endswith("weight") else 0) + 0.1 * x
    return x * (2 / (shape[0] * int(np.prod(shape[2:])))) ** 0.5


import torchvision  # noqa: E402

maps = {}
for arch in ("resnet18", "resnet34", "resnet50", "resnet101"):
    torch.set_default_dtype(torch.float32)
    net = getattr(torchvision.models, arch)().eval()
    state = {
        n: torch.from_numpy(formula(n, tuple(v.shape))).float() if v.dim() else v
        for n, v in net.state_dict().items()
    }
    net.load_state_dict(state)
    net.double()
    x = np.sin(0.01 * np.arange(2 * 3 * 64 * 64, dtype=np.float64)).reshape(2, 3, 64, 64)
    x = torch.from_numpy(x)
    with torch.no_grad():
        if arch == "resnet50":
            maps["resnet50/logits"] = net(x)
        for name, child in net.named_children():
            if name in ("avgpool", "fc"):
                break
            x = child(x)
    maps[arch] = x
save(folder / "backbones.safetensors", maps, {"torchvision": torchvision.__version__})
print(folder / "backbones.safetensors", (folder / "backbones.safetensors").stat().st_size, "bytes")
