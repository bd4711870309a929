"""What a call of a model costs, by the table beside this folder and the wish's own prices."""

import json
import os
import re

#: Shared by every language of the preload.
TABLE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "prices.json")

#: What may follow a model's name and leave it the same model: a date, a version, a variant.
_BOUNDARY = "-@:"
#: `us.anthropic.claude-…`, as clouds name models.
_VENDOR = re.compile(r"^(?:[a-z]+\.)*(?:anthropic|cohere|deepseek|meta|mistral|openai)\.")


class Prices:
    """Dollars per million tokens, by the longest name that a model's begins with."""

    def __init__(self, overrides=None, table=TABLE):
        self._models = {}
        if table is not None:
            with open(table, encoding="utf-8") as file:
                self._models.update(json.load(file)["models"])
        for model, price in (overrides or {}).items():
            self._models[model.lower()] = {"input": float(price["input"]), "output": float(price["output"])}
        self._found = {}

    def cost(self, model, tokens_in, tokens_out, cache_read=0, cache_write=0):
        """US dollars of one call, or None for a model without a price.

        `tokens_in` counts all that the model was given, also what was read from or written to a cache.
        """
        price = self._price(model)
        if price is None:
            return None
        rate = price["input"]
        plain = max(0, tokens_in - cache_read - cache_write)
        dollars = plain * rate + tokens_out * price["output"]
        dollars += cache_read * price.get("cacheRead", rate) + cache_write * price.get("cacheWrite", rate)
        return dollars / 1e6

    def _price(self, model):
        if model in self._found:
            return self._found[model]
        price = self._look_up(model.lower())
        if len(self._found) < 1000:
            self._found[model] = price
        return price

    def _look_up(self, model):
        # As it stands first: a person may have priced exactly this.
        for name in dict.fromkeys((model, model.rsplit("/", 1)[-1], _VENDOR.sub("", model.rsplit("/", 1)[-1]))):
            fits = [known for known in self._models if _begins(name, known)]
            if fits:
                return self._models[max(fits, key=len)]
        return None


def _begins(name, known):
    return name.startswith(known) and (len(name) == len(known) or name[len(known)] in _BOUNDARY)
