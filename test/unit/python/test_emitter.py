import multiprocessing
import os
import socket
import threading
import time
import unittest
import warnings

from receiver import Receiver, of

from dd_observe_agent_metrics.emitter import MAX_SERIES_VALUES, Emitter


class EmitterTest(unittest.TestCase):
    def setUp(self):
        self.receiver = Receiver()
        self.addCleanup(self.receiver.__exit__)
        self.emitter = Emitter(self.receiver.destination, [("env", "test"), ("team", "ml")])
        self.addCleanup(self.emitter.close)

    def test_counts_of_the_same_tags_are_summed(self):
        for _ in range(5):
            self.emitter.count("ai.agent.tasks.started", {"agent": "a"})
        self.emitter.count("ai.agent.tasks.started", {"agent": "b"}, 2)

        self.emitter.flush()

        lines = [line for line in self.receiver.lines()]
        self.assertEqual([(line.values, line.kind, line.tags) for line in lines], [
            ([5], "c", ["agent:a", "env:test", "team:ml"]),
            ([2], "c", ["agent:b", "env:test", "team:ml"]),
        ])

    def test_values_of_a_distribution_share_lines_and_no_packet_is_longer_than_a_network_takes(self):
        values = [number / 7 for number in range(1000)]

        for value in values:
            self.emitter.distribution("ai.agent.task.duration", value, {"agent": "a"})
        self.emitter.flush()

        lines = self.receiver.lines()
        self.assertLess(len(lines), 20)
        self.assertTrue(all(len(packet) <= 1432 for packet in self.receiver.packets))
        for sent, value in zip(of(lines, "ai.agent.task.duration"), values):
            self.assertAlmostEqual(sent, value, places=9)
        self.assertEqual(len(of(lines, "ai.agent.task.duration")), 1000)

    def test_no_number_has_an_exponent(self):
        self.emitter.distribution("ai.agent.cost", 2.7e-7, {"agent": "a"})

        self.emitter.flush()

        self.receiver.lines()
        self.assertIn(b"ai.agent.cost:0.00000027|d|", self.receiver.packets[0])

    def test_more_values_than_are_kept_are_a_sample_that_says_how_many_it_stands_for(self):
        # No thread may flush in between.
        self.emitter.start = lambda: None
        for number in range(3 * MAX_SERIES_VALUES):
            self.emitter.distribution("ai.agent.tokens", number, {})

        # The receiver's queue takes no burst of hundreds.
        sent = []
        self.emitter._transport.send = sent.extend
        self.emitter.flush()

        total = sum(len(line.split("|")[0].split(":")) - 1 for line in sent)
        self.assertEqual(total, MAX_SERIES_VALUES)
        self.assertTrue(all("|@0.333333333333|" in line for line in sent))
        values = [int(value) for line in sent for value in line.split("|")[0].split(":")[1:]]
        self.assertAlmostEqual(sum(values) / total, 1.5 * MAX_SERIES_VALUES, delta=MAX_SERIES_VALUES / 10)

    def test_a_thread_flushes_by_itself_and_no_value_of_many_threads_is_lost(self):
        def work():
            for _ in range(500):
                self.emitter.count("ai.agent.tasks.started", {"agent": "a"})
                self.emitter.distribution("ai.agent.tokens", 1, {"agent": "a"})

        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        end = time.monotonic() + 15
        while sum(of(self.receiver.lines(), "ai.agent.tasks.started")) < 4000 and time.monotonic() < end:
            time.sleep(0.05)
        self.assertEqual(sum(of(self.receiver.lines(), "ai.agent.tasks.started")), 4000)
        self.assertEqual(sum(of(self.receiver.wait_for("ai.agent.tokens"), "ai.agent.tokens")), 4000)

    def test_gauges_are_sent_every_ten_seconds_also_when_nothing_else_is(self):
        now = [100.0]
        emitter = Emitter(self.receiver.destination, clock=lambda: now[0])
        self.addCleanup(emitter.close)
        emitter.gauge(lambda: [("ai.agent.tasks.active", 0, {"agent": "a"})])

        for now[0] in (100.0, 102.0, 109.9, 110.0, 112.0, 120.0):
            emitter.flush()

        self.assertEqual(of(self.receiver.lines(), "ai.agent.tasks.active"), [0, 0, 0])

    def test_what_is_held_goes_out_at_the_end(self):
        self.emitter.count("ai.agent.tasks.started", {})

        self.emitter.close()

        self.assertEqual(of(self.receiver.lines(), "ai.agent.tasks.started"), [1])

    def test_an_end_within_a_locked_section_does_not_block(self):
        # As when the garbage collector ends a run in the middle of a count.
        with self.emitter._lock:
            self.emitter.count("ai.agent.tasks.started", {})
            self.emitter.flush()

        self.assertEqual(of(self.receiver.lines(), "ai.agent.tasks.started"), [1])


class TransportTest(unittest.TestCase):
    def test_a_datagram_socket_of_unix_takes_longer_packets(self):
        with Receiver(unix=True) as receiver:
            emitter = Emitter(receiver.destination)
            for number in range(1000):
                emitter.distribution("ai.agent.tokens", number, {})
            emitter.close()

            self.assertEqual(sum(of(receiver.lines(), "ai.agent.tokens")), sum(range(1000)))
            self.assertTrue(1432 < max(map(len, receiver.packets)) <= 8192)

    def test_an_agent_that_is_not_there_costs_packets_and_nothing_else(self):
        emitter = Emitter(("unix", "/nonexistent/dsd.socket"))
        emitter.count("ai.agent.tasks.started", {})

        emitter.close()

        self.assertEqual(emitter.dropped, 1)

    def test_an_agent_that_was_started_anew_is_found_again(self):
        first = Receiver(unix=True)
        path = first.socket.getsockname()
        emitter = Emitter(first.destination)
        self.addCleanup(first.__exit__)
        self.addCleanup(emitter.close)
        emitter.count("ai.agent.tasks.started", {})
        emitter.flush()
        first.socket.close()
        os.unlink(path)
        first.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        first.socket.bind(path)

        emitter.count("ai.agent.tasks.started", {}, 7)
        emitter.flush()

        self.assertEqual(of(first.lines(), "ai.agent.tasks.started"), [7])

    def test_a_full_queue_drops_and_does_not_wait(self):
        with Receiver(unix=True) as receiver:
            emitter = Emitter(receiver.destination)
            began = time.monotonic()
            for _ in range(2000):
                emitter.count("ai.agent.tasks.started", {})
                emitter.flush()
            emitter.close()

            self.assertGreater(emitter.dropped, 0)
            self.assertLess(time.monotonic() - began, 10)


@unittest.skipUnless(hasattr(os, "fork"), "this system has no fork")
class ForkTest(unittest.TestCase):
    def test_a_child_sends_its_own_and_nothing_of_its_parent(self):
        with Receiver() as receiver:
            emitter = Emitter(receiver.destination)
            emitter.count("ai.agent.tasks.started", {"agent": "parent"})
            with warnings.catch_warnings():
                # As Python 3.12 warns of a fork among threads: the emitter's own must not be one.
                warnings.simplefilter("error")
                child = os.fork()
            if child == 0:
                emitter.count("ai.agent.tasks.started", {"agent": "child"})
                emitter.close()
                os._exit(0)
            os.waitpid(child, 0)
            emitter.close()

            sums = {}
            for line in receiver.lines():
                sums[line.tags[0]] = sums.get(line.tags[0], 0) + sum(line.values)
            self.assertEqual(sums, {"agent:parent": 1, "agent:child": 1})

    def test_a_child_of_multiprocessing_sends_what_it_holds_at_its_end(self):
        with Receiver() as receiver:
            emitter = Emitter(receiver.destination)
            emitter.start()
            context = multiprocessing.get_context("fork")

            process = context.Process(target=emitter.count, args=("ai.agent.tasks.started", {"agent": "child"}))
            process.start()
            process.join()

            self.assertEqual(of(receiver.lines(), "ai.agent.tasks.started"), [1])
            emitter.close()

    def test_the_parent_goes_on_after_a_fork(self):
        with Receiver() as receiver:
            emitter = Emitter(receiver.destination)
            emitter.start()
            child = os.fork()
            if child == 0:
                os._exit(0)
            os.waitpid(child, 0)

            emitter.count("ai.agent.tasks.started", {})

            self.assertEqual(of(receiver.wait_for("ai.agent.tasks.started"), "ai.agent.tasks.started"), [1])
            emitter.close()


if __name__ == "__main__":
    unittest.main()
