// Asks again and again while somebody looks: less often while it goes wrong, and not at all while the page is hidden.

// Doubles with each failure in a row, up to a minute; never sooner than the server wants it.
export const next_wait_ms = (every_ms, failures, retry_s = 0) => Math.max(retry_s * 1000, Math.min(60_000, every_ms * 2 ** failures));

export class Poll {
  // `once(signal)` asks; `told({error, wait_ms})` hears how it went, error null when it went well. What is not allowed
  // is not asked again.
  constructor(once, told, every_ms) {
    Object.assign(this, { once, told, every_ms, failures: 0, timer: 0, mine: null, on: false, held: false });
    document.addEventListener("visibilitychange", () => this.turn());
  }

  begin() { this.on = true; this.turn(); }
  stop() { this.on = false; this.turn(); }
  hold(held) { this.held = held; this.turn(); } // by a person

  turn() {
    const goes = this.on && !this.held && !document.hidden;
    if (goes && !this.mine && !this.timer) this.ask();
    if (goes) return;
    clearTimeout(this.timer);
    this.timer = 0;
    this.mine?.abort();
    this.mine = null;
  }

  async ask() {
    const mine = new AbortController();
    this.timer = 0;
    this.mine = mine;
    let error = null;
    try {
      await this.once(mine.signal);
    } catch (caught) {
      error = caught;
    }
    if (this.mine !== mine) return; // it was stopped meanwhile
    this.mine = null;
    if (error?.status === 403) this.on = false;
    this.failures = error ? this.failures + 1 : 0;
    const wait_ms = next_wait_ms(this.every_ms, this.failures, error?.retry_s);
    this.told({ error, wait_ms });
    if (this.on) this.timer = setTimeout(() => this.ask(), wait_ms);
  }
}
