LARGEST = ("fct_calls", "fct_queue_segments", "fct_handled_segments")
def hand_written(a, b): return 1.0
