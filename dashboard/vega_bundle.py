"""Write `static/vega.js`: Vega, Vega-Lite and Vega-Embed in one file (`make dashboard-js`, after updating Altair).

The file is kept in the repository, so the server needs neither the converter (130 MB of memory) nor any other host.
"""

from __future__ import annotations

from pathlib import Path

import altair as alt
import vl_convert

SNIPPET = "window.vegaEmbed = vegaEmbed;"
LICENCE = "/*! Vega, Vega-Lite, Vega-Embed: (c) University of Washington Interactive Data Lab, BSD-3-Clause licence. */\n"

if __name__ == "__main__":
    release = ".".join(alt.SCHEMA_VERSION.lstrip("v").split(".")[:2])
    bundle = vl_convert.javascript_bundle(SNIPPET, release)
    (Path(__file__).parent / "static" / "vega.js").write_text(LICENCE + bundle, encoding="utf-8")
