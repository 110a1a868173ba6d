import { byId, formatCount, make, setText, shortId } from './elements.js';
import type { StockRow } from './live-view.js';
import { isSettled, type OrderBook } from './order-book.js';
import { type Answer, type NewOrder, placeOrder } from './place-order.js';
import { Rush } from './rush.js';

const RUSH = 1_000;

/** The form, the rush, and the outcome of each in words. */
export class OrderForm {
  readonly #form = byId('form', HTMLFormElement);
  readonly #said = byId('said');
  readonly #rushButton = byId('rush');
  readonly #progress = byId('rush-progress', HTMLProgressElement);
  readonly #rushSize: number;
  #skus: readonly string[] = [];
  /** The order that the form placed last, until it is settled. */
  #ownId: string | undefined;

  constructor(private readonly book: OrderBook) {
    this.#rushSize = rushSize();
    setText(byId('rush-count'), formatCount(this.#rushSize));
    this.#form.addEventListener('submit', (event) => {
      event.preventDefault();
      void this.#place();
    });
    this.#rushButton.addEventListener('click', () => void this.#rush());
  }

  /** Items to choose from. */
  offer(items: readonly StockRow[]): void {
    const skus = items.map(({ sku }) => sku);
    if (skus.join() === this.#skus.join()) return;
    this.#skus = skus;
    const options = skus.map((sku) => {
      const option = make('option');
      option.value = sku;
      return option;
    });
    byId('skus').replaceChildren(...options);
  }

  /** Shows the progress of the form's order. */
  draw(): void {
    const order = this.#ownId === undefined ? undefined : this.book.find(this.#ownId);
    if (order === undefined) return;
    const reason = order.reason === undefined ? '' : `: ${order.reason}`;
    setText(this.#said, `Order ${shortId(order.id)} is ${order.status}${reason}.`);
    if (isSettled(order.status)) this.#ownId = undefined;
  }

  async #place(): Promise<void> {
    this.#ownId = undefined;
    setText(this.#said, 'Placing the order …');
    try {
      this.#say(await placeOrder(this.#order()));
    } catch (error) {
      setText(this.#said, `The order was not answered: ${String(error)}`);
    }
  }

  #say(answer: Answer): void {
    if (answer.kind === 'accepted') {
      this.#ownId = answer.id;
      setText(this.#said, `Order ${shortId(answer.id)} is placed.`);
      this.draw();
    } else {
      setText(this.#said, `The order was refused: ${answer.reasons}`);
    }
  }

  #order(): NewOrder {
    const fields = new FormData(this.#form);
    // No field of the form takes files.
    const text = (name: string): string => fields.get(name) as string;
    return {
      customer: { name: text('name'), email: text('email') },
      lines: [{ sku: text('sku'), quantity: Number(text('quantity')) }],
      payment: text('payment') === 'transfer' ? 'transfer' : 'card',
    };
  }

  async #rush(): Promise<void> {
    // Not `disabled`, which would take the focus away.
    if (this.#rushButton.ariaDisabled === 'true') return;
    this.#rushButton.ariaDisabled = 'true';
    this.#ownId = undefined;
    this.#progress.hidden = false;
    setText(this.#said, `${formatCount(this.#rushSize)} customers order …`);
    const rush = new Rush(this.#rushSize, this.#skus.length > 0 ? this.#skus : ['TEA-ASSAM-250']);
    const { accepted, refused, unanswered } = await rush.run((answered) => {
      this.#progress.value = answered / this.#rushSize;
    });
    const trouble = unanswered === 0 ? '' : `, ${formatCount(unanswered)} not answered`;
    setText(
      this.#said,
      `${formatCount(accepted)} orders were accepted, ${formatCount(refused)} refused${trouble}.`,
    );
    this.#progress.hidden = true;
    this.#rushButton.ariaDisabled = null;
  }
}

/** `?rush=200` in the address makes a smaller one. */
function rushSize(): number {
  const wanted = Number(new URLSearchParams(location.search).get('rush') ?? RUSH);
  return Number.isInteger(wanted) && wanted >= 1 && wanted <= RUSH ? wanted : RUSH;
}
