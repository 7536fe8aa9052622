/** The one polite live region of the page: says what changed by itself or by a choice, never the same twice running. */

export class Voice {
  constructor(form: HTMLElement) {
    this.region.className = 'visually-hidden';
    this.region.setAttribute('role', 'status');
    form.append(this.region);
  }

  say(words: string): void {
    if (words && words !== this.region.textContent) {
      this.region.textContent = words;
    }
  }

  private readonly region = document.createElement('p');
}
