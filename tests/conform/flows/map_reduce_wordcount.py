"""Word count as map and reduce, with a second map that waits for a warm-up."""

from prefect import flow, task, unmapped

PAGES = ["to be or not", "not to see", "be or see"]


@task
def warm_up():
    return {"ready": True}


@task
def count(page, stop_words):
    words = [w for w in page.split() if w not in stop_words]
    return {w: words.count(w) for w in words}


@task
def merge(parts):
    total = {}
    for part in parts:
        for word, n in part.items():
            total[word] = total.get(word, 0) + n
    return total


@task
def label(word, n, lang):
    return f"{lang}:{word}={n}"


@flow
def word_count():
    ready = warm_up.submit()
    counts = count.map(PAGES, stop_words=unmapped(["or"]), wait_for=[ready])
    total = merge.submit(counts).result()
    labels = label.map(list(total), list(total.values()), "en").result()
    sizes = [len(c) for c in counts.result()]
    return {"labels": sorted(labels), "sizes": sizes}


if __name__ == "__main__":
    word_count()
