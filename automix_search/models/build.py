"""From a model's spec to a model."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from torch import nn

from automix_search.errors import InputError, nearest
from automix_search.models.convnets import small_cnn, tiny_cnn
from automix_search.models.small_timm import cifar_resnet18, tiny_vit
from automix_search.models.spec import ModelSpec

BUILT_IN: Mapping[str, Callable[..., nn.Module]] = {
    function.__name__: function for function in (tiny_cnn, small_cnn, tiny_vit, cifar_resnet18)
}


def build_model(spec: ModelSpec, *, channels: int, size: tuple[int, int], num_classes: int) -> nn.Module:
    """Build a model for images of a kind; initial weights are drawn from torch's global random state.

    Args:
        spec: Which model.
        channels: Number of channels of the images, C.
        size: Their height and width in pixels.
        num_classes: Number of classes, K.

    Returns:
        A model from images `B x C x H x W` to logits `B x K`, on the CPU, in training mode.

    Raises:
        InputError: There is no such model, it does not take these arguments, or its weights cannot be had.
    """
    shape: dict[str, Any] = {"channels": channels, "size": size, "num_classes": num_classes}
    if spec.name in BUILT_IN:
        return _built_in(spec, shape)
    return _from_timm(spec, channels, size, num_classes)


def _built_in(spec: ModelSpec, shape: Mapping[str, Any]) -> nn.Module:
    if spec.pretrained:
        raise InputError(f"there are no pretrained weights of `{spec.name}`; say `pretrained: false`")
    function = BUILT_IN[spec.name]
    taken = inspect.signature(function).parameters
    rates = {"drop_rate": spec.drop_rate, "drop_path_rate": spec.drop_path_rate}
    wanted = {name: rate for name, rate in rates.items() if rate > 0} | spec.options
    others = any(parameter.kind is parameter.VAR_KEYWORD for parameter in taken.values())
    for name in wanted:
        if name not in taken and not others:
            own = ", ".join(name for name in taken if name not in shape)
            raise InputError(f"the model `{spec.name}` has no `{name}`; it has {own}")
    return _made(
        spec.name, function, {name: value for name, value in shape.items() if name in taken} | wanted
    )


def _from_timm(spec: ModelSpec, channels: int, size: tuple[int, int], num_classes: int) -> nn.Module:
    import timm

    if not timm.is_model(spec.name.partition(".")[0]) and ":" not in spec.name:
        guess = nearest(spec.name, [*BUILT_IN, *timm.list_models()])
        hint = f"; did you mean `{guess}`?" if guess else ";"
        raise InputError(
            f"unknown model `{spec.name}`{hint} our own are {', '.join(BUILT_IN)}; "
            f"timm.list_models() lists timm's"
        )
    arguments: dict[str, Any] = {
        "in_chans": channels,
        "num_classes": num_classes,
        "pretrained": spec.pretrained,
    }
    rates = {"drop_rate": spec.drop_rate, "drop_path_rate": spec.drop_path_rate}
    arguments |= {name: rate for name, rate in rates.items() if rate > 0}

    def create(**given: Any) -> nn.Module:
        about = None if ":" in spec.name else timm.get_pretrained_cfg(spec.name)
        if about is not None and about.fixed_input_size:
            given = {"img_size": size} | given
        model: nn.Module = timm.create_model(spec.name, **given)
        return model

    model = _made(spec.name, create, arguments | spec.options)
    _check_patches(model, spec.name, size)
    return model


def _check_patches(model: nn.Module, name: str, size: tuple[int, int]) -> None:
    """See that no pixels are lost: timm cuts off what its patches do not cover, without a word."""
    patch = getattr(getattr(model, "patch_embed", None), "patch_size", None)
    if patch is not None and (size[0] % patch[0] or size[1] % patch[1]):
        raise InputError(
            f"the model `{name}` cuts images into patches of {patch[0]} x {patch[1]} pixels, which do not "
            f"divide {size[0]} x {size[1]}"
        )


def _made(name: str, function: Callable[..., nn.Module], arguments: Mapping[str, Any]) -> nn.Module:
    try:
        return function(**arguments)
    except InputError:
        raise
    except OSError as error:  # what the Hugging Face hub raises without a network, too
        reason = str(error).splitlines()[0]
        raise InputError(
            f"cannot fetch the pretrained weights of `{name}`: {reason}; say `pretrained: false`, or give a "
            f"local file of weights in the recipe: `weights: FILE`"
        ) from None
    except (TypeError, ValueError, AssertionError, RuntimeError) as error:
        reason = str(error).replace(".__init__()", "").replace("()", "")
        raise InputError(f"the model `{name}` cannot be built: {reason}") from None
