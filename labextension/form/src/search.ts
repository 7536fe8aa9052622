/** The search over the environments, as one types. The chosen card always stays in sight. */

export function liveSearch(form: HTMLElement, field: string, say: (words: string) => void): void {
  const cards = [...form.querySelectorAll<HTMLElement>(`.bs-card:has(input[name="${field}"])`)];
  const search = form.querySelector<HTMLInputElement>('.bs-find input');
  if (!search) {
    return;
  }
  // these ask the server for what is done here at once
  form.querySelectorAll('.bs-by-enter, .bs-find button').forEach(button => button.remove());
  search.addEventListener('input', event => {
    event.stopPropagation(); // it is no choice
    const shown = filter(cards, search.value);
    say(`${shown} of ${cards.length} shown`);
  });
  search.addEventListener('change', event => event.stopPropagation());
  search.addEventListener('keydown', event => {
    if (event.key === 'Enter') {
      event.preventDefault(); // would start the server
    }
  });
}

/** Show the cards that hold every word; returns how many. */
function filter(cards: HTMLElement[], text: string): number {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  for (const card of cards) {
    const said = `${card.textContent ?? ''} ${card.querySelector('input')?.value ?? ''}`.toLowerCase();
    card.hidden = !words.every(word => said.includes(word)) && !card.querySelector('input')?.checked;
  }
  return cards.filter(card => !card.hidden).length;
}
