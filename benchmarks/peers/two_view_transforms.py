"""MoCo v2's views by Pillow and torchvision, for two_views.py and epoch.py."""
import random

from PIL import ImageFilter
from torchvision import transforms as T

normalise = T.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])


class Blur:
    def __call__(self, image):
        return image.filter(ImageFilter.GaussianBlur(random.uniform(0.1, 2.0)))


def view(size):
    """Makes one view of a picture, 3 x size x size."""
    return T.Compose([
        T.RandomResizedCrop(size, scale=(0.2, 1.0)),
        T.RandomApply([T.ColorJitter(0.4, 0.4, 0.4, 0.1)], p=0.8),
        T.RandomGrayscale(p=0.2),
        T.RandomApply([Blur()], p=0.5),
        T.RandomHorizontalFlip(),
        T.ToTensor(),
        normalise,
    ])
