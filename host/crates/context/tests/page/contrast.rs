//! How well each text of a page can be told from what is behind it, by the formula of WCAG 2.

/// An expression that lists every text whose contrast is below 4.5 : 1, in words. The background is the nearest one that is a plain colour; stripes are made of
/// two, and the page puts no text on them but the label of the answer's reserve, which is counted on both.
pub const TOO_FAINT: &str = r#"(() => {
  const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
  const channels = colour => { canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1); return [...canvas.getImageData(0, 0, 1, 1).data]; };
  const luminance = ([r, g, b]) => { const part = value => { value /= 255; return value <= .04045 ? value / 12.92 : ((value + .055) / 1.055) ** 2.4; };
    return .2126 * part(r) + .7152 * part(g) + .0722 * part(b); };
  const ratio = (one, other) => { const [high, low] = [luminance(one), luminance(other)].sort((a, b) => b - a); return (high + .05) / (low + .05); };
  const behind = element => { for (; element; element = element.parentElement) { const style = getComputedStyle(element);
      if (style.backgroundImage !== 'none') return (style.backgroundImage.match(/rgba?\([^)]*\)/g) ?? []).map(channels);
      const colour = channels(style.backgroundColor); if (colour[3] === 255) return [colour]; } return [[255, 255, 255]]; };
  const found = [];
  for (const element of document.body.querySelectorAll('*')) {
    const words = [...element.childNodes].filter(node => node.nodeType === 3).map(node => node.data.trim()).join('');
    if (!words) continue;
    const colour = channels(getComputedStyle(element).color);
    const worst = Math.min(...behind(element).map(back => ratio(colour, back)));
    if (worst < 4.5) found.push(`${words.slice(0, 40)} ${worst.toFixed(2)}`);
  }
  return found;
})()"#;
