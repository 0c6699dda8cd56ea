"""The warehouse: landed files in, dbt by layer, one frozen candidate batch out."""

from cobranca.warehouse.build import LAYERS, build, build_layer, freeze, prepare

__all__ = ["LAYERS", "build", "build_layer", "freeze", "prepare"]
