"""Tags, prices, settings: what is worked out without a socket."""

import json
import os
import unittest
from unittest import mock

import receiver
from dd_observe_agent_metrics import settings
from dd_observe_agent_metrics.prices import TABLE, Prices
from dd_observe_agent_metrics.tags import LIMITS, Bounds, normalised, unified


class TagsTest(unittest.TestCase):
    def test_values_are_of_few_characters(self):
        cases = {
            "Search Web": "search_web",
            "a|b,c#d:e\nf": "a_b_c_d_e_f",
            "Ünïcode": "n_code",
            "models/gpt-4.1": "models/gpt-4.1",
            "": "unknown",
            "…": "unknown",
            "x" * 300: "x" * 100,
        }
        for raw, value in cases.items():
            self.assertEqual(normalised(raw), value)

    def test_what_is_over_the_limit_is_other_and_what_was_there_stays(self):
        bounds = Bounds()

        texts = [bounds.text("ai.agent.tokens", "model", "model-%d" % number) for number in range(30)]

        self.assertEqual(texts[:20], ["model:model-%d" % number for number in range(20)])
        self.assertEqual(set(texts[20:]), {"model:other"})
        self.assertEqual(bounds.text("ai.agent.cost", "model", "model-3"), "model:model-3")

    def test_the_limits_are_those_of_the_contract(self):
        self.assertEqual(
            {tag: LIMITS[tag] for tag in ("agent", "model", "provider", "task_type", "tool", "error_type", "gate")},
            {"agent": 50, "model": 20, "provider": 8, "task_type": 30, "tool": 50, "error_type": 10, "gate": 15},
        )
        bounds = Bounds()
        retries = [bounds.text("ai.agent.task.retries", "reason", "r%d" % number) for number in range(9)]
        rejected = [bounds.text("ai.agent.modifications.rejected", "reason", "r%d" % number) for number in range(11)]
        self.assertEqual((retries[7], retries[8]), ("reason:r7", "reason:other"))
        self.assertEqual((rejected[9], rejected[10]), ("reason:r9", "reason:other"))

    def test_unified_tags_keep_their_form_but_break_no_line(self):
        self.assertEqual(unified([("team", "ml"), ("cluster", "a|b,c\nd")]), ["team:ml", "cluster:a_b_c_d"])


class PricesTest(unittest.TestCase):
    def setUp(self):
        with open(TABLE, encoding="utf-8") as file:
            self.models = json.load(file)["models"]
        self.prices = Prices()

    def test_every_entry_is_whole(self):
        for model, price in self.models.items():
            self.assertEqual(model, model.lower())
            self.assertGreater(price["input"], 0, model)
            self.assertGreaterEqual(price["output"], price["input"], model)

    def test_the_longest_name_wins_and_only_at_a_boundary(self):
        million = 1_000_000
        for model, entry in {
            "gpt-4o-mini-2024-07-18": "gpt-4o-mini",
            "gpt-4o-2024-08-06": "gpt-4o",
            "openai/gpt-4o": "gpt-4o",
            "us.anthropic.claude-sonnet-4-5-20250929-v1:0": "claude-sonnet-4-5",
            "Claude-Sonnet-4-5": "claude-sonnet-4-5",
            "claude-sonnet-4-5@20250929": "claude-sonnet-4-5",
        }.items():
            self.assertAlmostEqual(self.prices.cost(model, million, 0), self.models[entry]["input"], msg=model)
            self.assertAlmostEqual(self.prices.cost(model, 0, million), self.models[entry]["output"], msg=model)

    def test_a_model_without_a_price_has_no_cost(self):
        for model in ("gpt-5.9", "my-own-model", "gpt", ""):
            self.assertIsNone(self.prices.cost(model, 10, 10), model)

    def test_what_came_from_the_cache_is_cheaper_and_counted_once(self):
        price = self.models["claude-sonnet-4-5"]

        cost = self.prices.cost("claude-sonnet-4-5", 1000, 0, cache_read=600, cache_write=300)

        wanted = 100 * price["input"] + 600 * price["cacheRead"] + 300 * price["cacheWrite"]
        self.assertAlmostEqual(cost, wanted / 1e6)

    def test_the_wish_overrides_and_adds(self):
        prices = Prices({"gpt-4o": {"input": 1, "output": 2}, "my-model": {"input": 3, "output": 4}})

        self.assertAlmostEqual(prices.cost("gpt-4o-2024-08-06", 1_000_000, 1_000_000), 3)
        self.assertAlmostEqual(prices.cost("my-model", 1_000_000, 1_000_000), 7)


class SettingsTest(unittest.TestCase):
    def test_where_metrics_go(self):
        for env, wanted in [
            ({}, ("udp", "127.0.0.1", 8125)),
            ({"DD_AGENT_HOST": "10.0.0.1"}, ("udp", "10.0.0.1", 8125)),
            ({"DD_AGENT_HOST": "10.0.0.1", "DD_DOGSTATSD_PORT": "9"}, ("udp", "10.0.0.1", 9)),
            ({"DD_DOGSTATSD_URL": "udp://h:1", "DD_AGENT_HOST": "x"}, ("udp", "h", 1)),
            ({"DD_DOGSTATSD_URL": "udp://[::1]:1"}, ("udp", "::1", 1)),
            ({"DD_DOGSTATSD_URL": "unix:///var/run/datadog/dsd.socket"}, ("unix", "/var/run/datadog/dsd.socket")),
        ]:
            with mock.patch.dict(os.environ, env, clear=True):
                self.assertEqual(settings.destination(), wanted)

    def test_another_form_of_address_is_refused_with_the_forms_there_are(self):
        with mock.patch.dict(os.environ, {"DD_DOGSTATSD_URL": "http://x"}):
            with self.assertRaisesRegex(ValueError, "udp://HOST:PORT nor unix:///PATH"):
                settings.destination()

    def test_unified_tags_come_from_the_environment_and_the_first_of_a_name_wins(self):
        env = {"DD_ENV": "prod", "DD_SERVICE": "s", "DD_TAGS": "team:ml,cluster:c1 env:other,loose"}
        with mock.patch.dict(os.environ, env, clear=True):
            self.assertEqual(
                settings.unified_tags(), [("env", "prod"), ("service", "s"), ("team", "ml"), ("cluster", "c1")]
            )

    def test_receivers_preload_is_this_repository(self):
        self.assertTrue(os.path.exists(os.path.join(receiver.PRELOAD, "sitecustomize.py")))


if __name__ == "__main__":
    unittest.main()
