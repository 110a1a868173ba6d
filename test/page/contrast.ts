import type { Page } from 'playwright-core';

/** Text with too little contrast to its background. */
export interface Faint {
  readonly text: string;
  readonly ratio: number;
}

/** The texts of the page below the contrast that WCAG 2 requires at level AA, 4.5 to 1. */
export function faintTexts(page: Page): Promise<Faint[]> {
  // Runs in the page, so it cannot use anything from here.
  return page.evaluate(() => {
    type Colour = readonly [number, number, number, number];

    function colour(css: string): Colour {
      const [red = 0, green = 0, blue = 0, alpha = 1] = (css.match(/[\d.]+/g) ?? []).map(Number);
      return [red, green, blue, alpha];
    }

    function luminance([red, green, blue]: Colour): number {
      const [r = 0, g = 0, b = 0] = [red, green, blue].map((part) => {
        const share = part / 255;
        return share <= 0.03928 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
      });
      return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    }

    function behind(element: Element | null): Colour {
      if (element === null) return [255, 255, 255, 1];
      const own = colour(getComputedStyle(element).backgroundColor);
      return own[3] === 1 ? own : behind(element.parentElement);
    }

    const found: Faint[] = [];
    for (const element of document.body.querySelectorAll<HTMLElement>('*')) {
      const text = [...element.childNodes]
        .filter((node) => node.nodeType === Node.TEXT_NODE)
        .map((node) => node.textContent?.trim() ?? '')
        .join(' ')
        .trim();
      const shown = text || (element instanceof HTMLInputElement ? element.value : '');
      if (shown === '' || !element.checkVisibility()) continue;
      const [light = 0, dark = 0] = [
        luminance(colour(getComputedStyle(element).color)),
        luminance(behind(element)),
      ].sort((a, b) => b - a);
      const ratio = (light + 0.05) / (dark + 0.05);
      if (ratio < 4.5) found.push({ text: shown, ratio });
    }
    return found;
  });
}
