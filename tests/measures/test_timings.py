"""Files of latencies that were measured elsewhere. The logs are as people post them: LiteRT's and
TensorFlow Lite's benchmark_model of four ages, one through Android's logcat.
"""

import json

import pytest

from sweep.measures.timings import TimingsError, read

TODAY = """\
INFO: STARTING!
INFO: Num threads: [4]
INFO: Graph: [/data/local/tmp/mobilenet_v1_1.0_224.tflite]
INFO: #threads used for CPU inference: [4]
INFO: Loaded model /data/local/tmp/mobilenet_v1_1.0_224.tflite
INFO: The input model file size (MB): 16.9008
INFO: Running benchmark for at least 1 iterations and at least 0.5 seconds
INFO: count=1 curr=1357602 p5=1357602 median=1357602 p95=1357602

INFO: Running benchmark for at least 50 iterations and at least 1 seconds
INFO: count=50 first=1249964 curr=1240143 min=1238588 max=1252566 avg=1.24027e+06 std=2565 p5=1238753 median=1239807 p95=1247415

INFO: Inference timings in us: Init: 5579, First inference: 1357602, Warmup (avg): 1.3576e+06, Inference (avg): 1.24027e+06
INFO: Memory footprint delta from the start of the tool (MB): init=6.36328 overall=109.832
"""  # noqa: E501
OF_2022 = """\
STARTING!
Graph: [./mobilenet_v1_0.25_128.tflite]
#threads used for CPU inference: [1]
count=15 first=49060 curr=33682 min=32825 max=49060 avg=34825.1 std=3930

count=50 first=32891 curr=33978 min=32641 max=34005 avg=33209.4 std=450

Inference timings in us: Init: 855, First inference: 49060, Warmup (avg): 34825.1, Inference (avg): 33209.4
"""  # noqa: E501
OF_2019 = """\
STARTING!
Num threads: [2]
Graph: [/data/local/tmp/tflite/tfmodel/mobilenet_v1_1.0_224_quant.tflite]
count=7 first=127425 curr=66709 min=66709 max=127425 avg=76605.9 std=20944

count=15 first=66753 curr=66800 min=66699 max=66838 avg=66767.6 std=39

Average inference timings in us: Warmup: 76605.9, Init: 9933, no stats: 66767.6
"""
LOGCAT = """\
I tflite  : Graph: [/sdcard/mobilenet_v1_0.5_160.tflite]
I tflite  : count=2 first=223282 curr=200056 min=200056 max=223282 avg=211669 std=16613 p5=199462 median=200386 p95=235158
I tflite  : count=25 first=187533 curr=140990 min=140071 max=195121 avg=145528 std=13583 p5=140545 median=141253 p95=187533
I tflite  : Inference timings in us: Init: 92318, First inference: 187533, Warmup (avg): 211669, Inference (avg): 145528
"""  # noqa: E501


def written(tmp_path, text):
    path = tmp_path / "latencies"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("text", "label", "seconds", "threads", "quantised", "says"),
    [
        (TODAY, "1.0-224", 1.239807, 4, False, "median of 50 calls"),
        (OF_2022, "0.25-128", 0.0332094, 1, False, "mean of 50 calls"),
        (OF_2019, "1.0-224", 0.0667676, 2, True, "mean of 15 calls"),
        (LOGCAT, "0.5-160", 0.141253, None, False, "median of 25 calls"),
    ],
)
def test_what_benchmark_model_prints_is_read_as_it_is(
    text, label, seconds, threads, quantised, says, tmp_path
):
    (timing,) = read(written(tmp_path, text))
    assert (timing.label, timing.threads) == (label, threads)
    assert timing.seconds == pytest.approx(seconds, rel=1e-12)
    assert (timing.quantised, timing.runtime, timing.batch) == (quantised, "litert", 1)
    assert says in timing.note


def test_a_log_has_one_run_after_another(tmp_path):
    both = read(written(tmp_path, TODAY + OF_2022))
    assert [(each.label, each.threads) for each in both] == [("1.0-224", 4), ("0.25-128", 1)]


def test_litert_s_python_benchmark_is_read_too(tmp_path):
    of_one = {
        "model": "networks/mobilenet_v1_0.75_192.tflite",
        "num_threads": 2,
        "latency": {"avg_ms": 6.01, "median_ms": 5.25, "num_runs": 50},
    }
    (timing,) = read(written(tmp_path, json.dumps(of_one)))
    assert (timing.label, timing.threads) == ("0.75-192", 2)
    assert timing.seconds == pytest.approx(5.25e-3)
    assert len(read(written(tmp_path, json.dumps([of_one, of_one])))) == 2


def test_csv_has_seconds_or_a_unit_and_samples_where_there_are_some(tmp_path):
    text = "\ufeffpoint, ms, samples, batch\nstandard 1.0-224,12.5,12 12.5 13,8\n0.25-128,,1;3;2,\n"
    first, second = read(written(tmp_path, text))
    assert (first.label, first.seconds, first.batch) == ("standard 1.0-224", 0.0125, 8)
    assert first.samples == pytest.approx((0.012, 0.0125, 0.013))
    assert (second.seconds, second.batch) == (pytest.approx(0.002), 1)  # their median
    (third,) = read(written(tmp_path, "point,seconds\n1.0-224,0.0125\n"))
    assert (third.seconds, third.samples) == (0.0125, ())


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "must be point, one of seconds, s, ms, us"),
        ("point,latency\n1.0-224,5\n", "must be point, one of seconds, s, ms, us"),
        ("point,ms,seconds\n1.0-224,5,5\n", "must be point, one of seconds, s, ms, us"),
        ("point,ms\n", "has no latencies"),
        ("point,ms\n1.0-224,fast\n", 'line 2, ms: "fast" is no number above 0'),
        ("point,ms\n1.0-224,-3\n", 'line 2, ms: "-3" is no number above 0'),
        ("point,ms\n1.0-224,nan\n", 'line 2, ms: "nan" is no number above 0'),
        ("point,ms\n1.0-224\n", "line 2: has not 2 columns"),
        ("point,ms\n1.0-224,3,1\n", "line 2: has not 2 columns"),
        ("point,ms,batch\n1.0-224,3,2.5\n", 'line 2, batch: "2.5" is no whole number'),
        ("point,ms,samples\n1.0-224,,\n", "line 2: has neither ms nor samples"),
        ('{"model": "x"}', "is no JSON of LiteRT's benchmark"),
        ("[1, 2]", "is no JSON of LiteRT's benchmark"),
        ("Inference timings in us: Init: 1, Inference (avg): 5", "names no file"),
    ],
)
def test_anything_else_is_one_sentence_that_says_what_is_allowed(text, says, tmp_path):
    with pytest.raises(TimingsError, match=r"latencies.*" + says.replace("(", r"\(")):
        read(written(tmp_path, text))
