/** Parts of the room that may come a moment later: fetched in this order right after the first picture. */
import type * as Later from '../later';
import type * as Soon from '../soon';

class Parts {
  results = $state.raw<typeof Soon.results>();
  texts = $state.raw<typeof Soon.texts>();
  questions = $state.raw<typeof Soon.questions>();
  me = $state.raw<typeof Later.me>();
  together = $state.raw<typeof Later.together>();
  lost = $state.raw<typeof Later.lost>();
  closing = $state.raw<typeof Later.closing>();

  /** Fetches what is not here yet; what fails is tried again on the next call. */
  load(): void {
    const take = (parts: object) => void Object.assign(this, parts);
    const fail = () => {};
    if (!this.results) import('../soon').then(take, fail);
    if (!this.me) import('../later').then(take, fail);
  }
}

export const parts = new Parts();
