// Every visible text, in shadow roots too, against the first opaque ground beneath it (WCAG 2.2: 4.5, large text 3).
() => {
  const rgb = (text) => {
    const made = document.createElement('canvas').getContext('2d');
    made.clearRect(0, 0, 1, 1); made.fillStyle = text; made.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = made.getImageData(0, 0, 1, 1).data; return [r, g, b, a / 255];
  };
  const over = (top, under) => [0, 1, 2].map((i) => top[i] * top[3] + under[i] * (1 - top[3]));
  const light = (c) => { const [r, g, b] = c.map((v) => { v /= 255; return v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4; });
    return .2126 * r + .7152 * g + .0722 * b; };
  const up = (node) => node.assignedSlot || node.parentElement || (node.getRootNode() instanceof ShadowRoot ? node.getRootNode().host : null);
  const ground = (node) => { const layers = [];
    for (let at = node; at; at = up(at)) { const c = rgb(getComputedStyle(at).backgroundColor); if (c[3] > 0) layers.push(c); if (c[3] === 1) break; }
    return layers.reverse().reduce((under, top) => over(top, under), [255, 255, 255]); };
  const found = [];
  const walk = (root) => { for (const node of root.querySelectorAll('*')) {
    if (node.shadowRoot) walk(node.shadowRoot);
    const text = [...node.childNodes].filter((one) => one.nodeType === 3).map((one) => one.data.trim()).join('');
    if (!text || !node.checkVisibility({ visibilityProperty: true }) || node.closest('style,script,noscript,option')) continue;
    const style = getComputedStyle(node);
    const under = ground(node);
    const ink = over(rgb(node instanceof SVGElement ? style.fill : style.color), under);
    const [hi, lo] = [light(ink), light(under)].sort((a, b) => b - a);
    const ratio = (hi + .05) / (lo + .05);
    const size = parseFloat(style.fontSize);
    const needed = size >= 24 || (size >= 18.66 && style.fontWeight >= 700) ? 3 : 4.5;
    if (ratio < needed) found.push(`${text.slice(0, 40)} ${ratio.toFixed(2)} ${style.color}`);
  } };
  walk(document);
  return found;
}
