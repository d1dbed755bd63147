// Draws every figure's table with Chart.js. The table stays: for readers' programs, for files, and where this script does not run.
"use strict";

(() => {
  const drawn = [];
  const language = document.documentElement.lang;

  // Custom properties hold light-dark(): only a used colour is resolved.
  const probe = document.createElement("span");
  probe.hidden = true;
  document.body.append(probe);
  const colour = (name) => {
    probe.style.color = name.includes("(") ? name : `var(--${name})`;
    return getComputedStyle(probe).color;
  };
  const shade = (place, of) => colour(`color-mix(in oklab, var(--accent) ${Math.round(100 - (60 * place) / Math.max(1, of - 1))}%, var(--paper))`);

  const read = (figure) => {
    const heads = [...figure.querySelectorAll("thead th")];
    const rows = [...figure.querySelectorAll("tbody tr")];
    return {
      labels: rows.map((row) => row.querySelector("th").textContent),
      columns: heads.map((head, place) => ({ head, place })).filter(({ head }) => head.dataset.drawn !== undefined)
        .map(({ head, place }) => ({
          name: head.textContent, colour: head.dataset.drawn,
          values: rows.map((row) => { const held = row.children[place].firstElementChild.value; return held === "" ? null : Number(held); }),
        })),
      texts: rows.map((row) => [...row.querySelectorAll("td")].map((cell, place) => `${heads[place + 1].textContent}: ${cell.textContent}`)),
      marks: [...figure.querySelectorAll("data.mark")].map((mark) => ({ name: mark.textContent, at: Number(mark.value) })),
    };
  };

  // The thresholds, on a score's axis: bars share the width from 0 to 1 evenly. Their names stand above the bars, the higher one on top,
  // so that no line crosses the other's name.
  const LINE = 16;
  const thresholds = (marks) => ({
    id: "thresholds",
    afterDatasetsDraw({ ctx, chartArea: { left, right, top, bottom } }) {
      ctx.save();
      ctx.strokeStyle = ctx.fillStyle = colour("ink");
      ctx.font = `12px ${Chart.defaults.font.family}`;
      marks.forEach(({ name, at }, place) => {
        const x = left + (right - left) * at;
        ctx.beginPath();
        ctx.setLineDash([4, 3]);
        ctx.moveTo(x, top - LINE * (place + 1));
        ctx.lineTo(x, bottom);
        ctx.stroke();
        ctx.textAlign = "right";
        ctx.fillText(`${name} ≥ ${at}`, x - 4, top - 4 - LINE * place);
      });
      ctx.restore();
    },
  });

  const intervals = (low, high, across) => ({
    id: "intervals",
    beforeDatasetsDraw({ ctx, scales }) {
      ctx.save();
      ctx.strokeStyle = colour("edge");
      ctx.lineWidth = 2;
      low.forEach((bottom, place) => {
        if (bottom === null) return;
        const ends = [bottom, high[place]].map((share) => (across ? scales.x : scales.y).getPixelForValue(share));
        const at = (across ? scales.y : scales.x).getPixelForValue(place);
        ctx.beginPath();
        ctx.moveTo(across ? ends[0] : at, across ? at : ends[0]);
        ctx.lineTo(across ? ends[1] : at, across ? at : ends[1]);
        ctx.stroke();
      });
      ctx.restore();
    },
  });

  const short = (text, most) => (text.length > most ? `…${text.slice(1 - most)}` : text);

  const draw = (figure) => {
    const { labels, columns, texts, marks } = read(figure);
    const kind = figure.dataset.chart;
    const across = kind === "interval-rows";
    const share = kind.startsWith("interval");
    const place = figure.querySelector(".drawn");
    if (across) place.style.height = `${28 * labels.length + 72}px`;
    const grid = { color: colour("line") };
    const ticks = { color: colour("quiet"), maxRotation: 0, autoSkipPadding: 16 };
    const amounts = {
      stacked: !share, beginAtZero: true, grid, border: { display: false }, max: share ? 1 : undefined,
      ticks: { ...ticks, maxTicksLimit: 6, ...(share ? { format: { style: "percent", minimumFractionDigits: 0, maximumFractionDigits: 0 } } : { precision: 0 }) },
    };
    const names = {
      stacked: !share, offset: true, grid: { display: false }, border: { color: colour("line") },
      ticks: { ...ticks, autoSkip: !across, callback(value) { return short(this.getLabelForValue(value), across ? 28 : 16); } },
    };
    const datasets = share
      ? [{ type: "line", label: columns[0].name, data: columns[0].values, showLine: false, clip: false, pointRadius: 5, pointHoverRadius: 7,
           backgroundColor: colour("accent"), borderColor: colour("accent") }]
      : columns.map((column, n) => ({
          label: column.name, data: column.values, borderWidth: kind === "stacked" && columns.length > 1 ? { top: 1 } : 0, borderColor: colour("paper"),
          backgroundColor: column.colour ? colour(column.colour) : shade(n, columns.length), categoryPercentage: 0.94, barPercentage: 1, maxBarThickness: 48,
        }));
    const plugins = share ? [intervals(columns[1].values, columns[2].values, across)] : [thresholds(marks)];
    return new Chart(place.querySelector("canvas"), {
      type: share ? "line" : "bar",
      data: { labels, datasets },
      plugins,
      options: {
        layout: { padding: { top: LINE * marks.length } },
        locale: language, animation: false, responsive: true, maintainAspectRatio: false, indexAxis: across ? "y" : "x",
        interaction: { mode: "index", axis: across ? "y" : "x", intersect: false },
        scales: across ? { x: amounts, y: names } : { x: names, y: amounts },
        plugins: {
          legend: { display: !share && columns.length > 1, position: "bottom", align: "start", labels: { color: colour("ink"), boxWidth: 12, boxHeight: 12 } },
          tooltip: {
            displayColors: false, backgroundColor: colour("ink"), titleColor: colour("paper"), bodyColor: colour("paper"), cornerRadius: 4,
            filter: (item) => item.datasetIndex === 0,
            callbacks: { title: (items) => labels[items[0].dataIndex], label: (item) => texts[item.dataIndex] },
          },
        },
      },
    });
  };

  const drawAll = () => {
    drawn.splice(0).forEach((chart) => chart.destroy());
    Chart.defaults.font.family = getComputedStyle(document.body).fontFamily;
    Chart.defaults.font.size = 12;
    for (const figure of document.querySelectorAll("figure[data-chart]")) if (figure.querySelector("canvas")) drawn.push(draw(figure));
  };
  drawAll();
  for (const query of ["(prefers-color-scheme: dark)", "(prefers-contrast: more)"]) matchMedia(query).addEventListener("change", drawAll);
})();
