// Draws the pictures of a page from JSON: lines by uPlot, bars by ECharts, graphs by Cytoscape. Libraries are fetched when needed.
(function () {
  "use strict";
  const base = new URL(".", document.currentScript.src);
  const LIBRARIES = { chart: "vendor/uplot/uplot.min.js", bars: "vendor/echarts/echarts.min.js", graph: "vendor/cytoscape/cytoscape.min.js" };
  const loading = new Map();
  const drawn = new WeakMap(); // figure -> how to take its picture away

  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const palette = () => [1, 2, 3, 4, 5, 6].map((number) => colour(`--chart-${number}`));
  const toned = (tone, otherwise) => (tone ? colour(`--${tone}`) : otherwise);
  const ink = () => colour("--chart-ink");
  const font = () => getComputedStyle(document.body).fontFamily;

  function library(kind) {
    if (!loading.has(kind)) {
      loading.set(kind, new Promise((resolve, reject) => {
        const script = document.createElement("script");
        script.src = new URL(LIBRARIES[kind], base).href;
        script.onload = resolve;
        script.onerror = reject;
        document.head.append(script);
      }));
    }
    return loading.get(kind);
  }

  function styles() { // uPlot's own sheet, once
    if (document.querySelector("link[data-uplot]")) return;
    const link = document.createElement("link");
    link.rel = "stylesheet";
    link.dataset.uplot = "";
    link.href = new URL("vendor/uplot/uplot.min.css", base).href;
    document.head.append(link);
  }

  async function dataOf(figure) {
    if (figure.dataset.source) return (await fetch(figure.dataset.source, { headers: { "X-Background": "true" } })).json();
    return JSON.parse(figure.querySelector("script[data-of]").textContent);
  }

  const DRAW = { chart: drawLines, bars: drawBars, graph: drawGraph };

  async function draw(figure) {
    const kind = figure.dataset.picture;
    figure.classList.add("picture-drawing");
    const [data] = await Promise.all([dataOf(figure), library(kind)]);
    const body = figure.querySelector("[data-canvas]");
    drawn.get(figure)?.();
    body.replaceChildren();
    drawn.set(figure, DRAW[kind](body, data));
    figure.classList.add("picture-ready");
  }

  function drawAll() {
    document.querySelectorAll("[data-picture]:not(.picture-ready)").forEach(draw);
  }

  // --- lines
  function drawLines(body, data) {
    styles();
    const tables = data.series.map((one) => [one.points.map((point) => point[0]), one.points.map((point) => point[1])]);
    const aligned = tables.length ? uPlot.join(tables) : [[], []];
    const colours = palette();
    const axis = { stroke: ink(), grid: { stroke: colour("--chart-grid"), width: 1 }, ticks: { stroke: colour("--chart-grid") }, font: `12px ${font()}` };
    const plot = new uPlot(
      {
        width: Math.max(280, body.clientWidth),
        height: 260,
        tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), document.documentElement.dataset.zone),
        series: [
          { label: data.time, value: "{YYYY}-{MM}-{DD} {HH}:{mm}:{ss}" },
          ...data.series.map((one, number) => ({
            label: one.name,
            stroke: colours[number % colours.length],
            dash: number >= colours.length ? [6, 4] : undefined,
            width: 1.75,
            value: (_plot, value) => (value === null || value === undefined ? "–" : `${Number(value.toPrecision(5))} ${data.unit}`),
          })),
        ],
        axes: [
          { ...axis, space: 84, values: [[86400, "{MM}-{DD}", null, null, null, null, null, null, 1], [3600, "{HH}:{mm}", "\n{MM}-{DD}", null, null, null, null, null, 1], [60, "{HH}:{mm}", "\n{MM}-{DD}", null, null, null, null, null, 1], [1, "{HH}:{mm}:{ss}", "\n{MM}-{DD}", null, null, null, null, null, 1]] },
          { ...axis, size: 64, label: data.unit || undefined, labelFont: `12px ${font()}` },
        ],
        scales: { x: { range: (plot, from, to) => (plot.data[0].length > 1 ? [from, to] : [from - 1800, from + 1800]) }, y: { range: (_plot, low, high) => [Math.min(0, low ?? 0), (high ?? 1) * 1.05 || 1] } },
      },
      aligned,
      body,
    );
    const resized = new ResizeObserver(() => plot.setSize({ width: Math.max(280, body.clientWidth), height: 260 }));
    resized.observe(body);
    return () => (resized.disconnect(), plot.destroy());
  }

  // --- bars and rings
  function drawBars(body, data) {
    const colours = palette();
    const text = { color: ink(), fontFamily: font() };
    const items = data.bars.map((one, number) => ({
      name: one.label,
      value: one.value,
      itemStyle: { color: toned(one.tone, data.ring ? colours[number % colours.length] : colours[0]) },
    }));
    const whole = items.every((one) => Number.isInteger(one.value)); // counts have no ticks between them
    const unit = data.unit ? ` ${data.unit}` : "";
    const room = (label) => [...label].reduce((sum, one) => sum + (one > "\u00ff" ? 13 : 7), 12); // of what stands at a bar's end
    const common = { animation: false, textStyle: text, tooltip: { confine: true, renderMode: "richText" } };
    const ring = {
      ...common,
      legend: { orient: "vertical", left: "58%", top: "middle", textStyle: text, formatter: (name) => `${name}  ${items.find((one) => one.name === name).value}` },
      series: [{ type: "pie", radius: ["52%", "82%"], center: ["30%", "50%"], data: items, label: { show: false } }],
    };
    const bars = {
      ...common,
      grid: { left: 8, right: Math.max(64, ...items.map((one) => room(`${one.value}${unit}`))), top: 8, bottom: 8, containLabel: true },
      xAxis: { type: "value", minInterval: whole ? 1 : 0, axisLabel: text, splitLine: { lineStyle: { color: colour("--chart-grid") } } },
      yAxis: { type: "category", inverse: true, data: items.map((one) => one.name), axisLabel: { ...text, width: 220, overflow: "truncate" } },
      series: [{ type: "bar", data: items, barMaxWidth: 22, label: { show: true, position: "right", color: ink(), formatter: (one) => `${one.value}${unit}` } }],
    };
    const height = data.ring ? 260 : Math.max(90, 32 * items.length + 30);
    const picture = echarts.init(body, null, { renderer: "svg", height });
    picture.setOption(data.ring ? ring : bars);
    const resized = new ResizeObserver(() => picture.resize({ height }));
    resized.observe(body);
    return () => (resized.disconnect(), picture.dispose());
  }

  // --- graphs: places come with the data, so that file and page show the same
  function drawGraph(body, data) {
    const elements = [
      ...data.zones.map((zone) => ({ data: { id: zone.id, label: zone.label }, classes: "zone" })),
      ...data.nodes.map((one) => ({ data: { ...one, parent: one.zone || undefined }, position: { x: one.x, y: one.y }, classes: `node ${one.tone ? `tone-${one.tone}` : ""}` })),
      ...data.edges.map((one, number) => ({ data: { ...one, id: `edge:${number}` }, classes: `${one.tone ? `tone-${one.tone}` : ""} ${one.arc ? "arc" : ""}` })),
    ];
    body.style.height = `${Math.min(Math.max(data.height, 160), 640)}px`; // of something, before it is drawn
    const picture = cytoscape({
      container: body,
      elements,
      style: graphStyle(),
      layout: { name: "preset", fit: true, padding: 16 },
      minZoom: 0.2,
      maxZoom: 2.5,
    });
    const box = picture.elements().boundingBox(); // narrow pages have no use for the whole height
    body.style.height = `${Math.min(Math.max((box.h * Math.min(body.clientWidth - 32, box.w * 1.1)) / box.w + 32, 160), 640)}px`;
    picture.resize();
    picture.fit(16);
    if (picture.zoom() > 1.1) {
      picture.zoom(1.1);
      picture.center();
    }
    picture.on("tap", "node[url]", (event) => {
      const url = event.target.data("url");
      if (new URL(url, location.href).origin === location.origin) location.assign(url);
    });
    return () => picture.destroy();
  }

  function graphStyle() {
    const surface = colour("--chart-ground");
    const tones = ["good", "warn", "bad", "busy", "quiet"].flatMap((tone) => [
      { selector: `node.tone-${tone}`, style: { "border-color": colour(`--${tone}`) } },
      { selector: `edge.tone-${tone}`, style: { "line-color": colour(`--${tone}`), "target-arrow-color": colour(`--${tone}`), width: 2.5, "line-style": tone === "bad" || tone === "warn" ? "dashed" : "solid" } },
    ]);
    return [
      { selector: "node.node", style: { shape: "round-rectangle", width: 180, height: 36, "background-color": surface, "border-width": 2, "border-color": colour("--muted"), label: "data(label)", color: ink(), "font-family": font(), "font-size": 12, "text-valign": "center", "text-wrap": "ellipsis", "text-max-width": 168 } },
      { selector: "node.zone", style: { shape: "round-rectangle", "background-color": colour("--quiet-ground"), "background-opacity": 0.5, "border-width": 1, "border-color": colour("--muted"), label: "data(label)", color: ink(), "font-family": font(), "font-size": 13, "font-weight": "bold", "text-valign": "top", "text-margin-y": -4, padding: 18 } },
      { selector: "edge", style: { width: 1.5, "line-color": colour("--muted"), "curve-style": "straight", label: "data(label)", "font-size": 10, "font-family": font(), color: ink(), "text-background-color": surface, "text-background-opacity": 0.85, "text-background-padding": 2, "target-arrow-color": colour("--muted"), "target-arrow-shape": "triangle", "arrow-scale": 0.8 } },
      { selector: "edge.arc", style: { "curve-style": "unbundled-bezier", "control-point-distances": [-46], "control-point-weights": [0.5] } },
      ...tones,
    ];
  }

  document.addEventListener("weicheng:colours", () => {
    document.querySelectorAll("[data-picture].picture-ready").forEach(draw);
  });
  window.weichengPictures = drawAll;
  drawAll();
})();
