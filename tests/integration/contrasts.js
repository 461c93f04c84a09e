// Gives, of each text that is seen, how far its colour is from what it stands on, as WCAG has it:
// https://www.w3.org/TR/WCAG21/#dfn-contrast-ratio
(() => {
  const canvas = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
  const rgb = (colours) => {
    for (const colour of colours) { canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1); }
    return canvas.getImageData(0, 0, 1, 1).data;
  };
  const light = (colours) => {
    const [r, g, b] = [...rgb(colours)].map((value) => {
      const share = value / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const grounds = (one) =>
    one ? [...grounds(one.parentElement), getComputedStyle(one).backgroundColor] : [];
  const own = (one) => [...one.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
  return [...document.querySelectorAll("body *")]
    .filter((one) => own(one) && one.checkVisibility() && !one.matches(":disabled, .skip, option"))
    .map((one) => {
      const under = grounds(one);
      const [a, b] = [light(under), light([...under, getComputedStyle(one).color])];
      return [(Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05), one.textContent.slice(0, 40)];
    });
})()
