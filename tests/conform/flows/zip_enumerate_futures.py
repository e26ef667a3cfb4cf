"""Translate documents; futures are zipped with their sources and numbered."""

from prefect import flow, task


@task
def translate(text, language):
    return {"language": language, "text": f"{language}:{text}"}


@task
def review(translation):
    return {"ok": len(translation["text"]) > 4, "language": translation["language"]}


@task
def number(position, review_result):
    return f"{position}. {review_result['language']} {'ok' if review_result['ok'] else 'short'}"


@task
def book(lines):
    return "\n".join(lines)


@flow
def translate_all(text: str = "hei"):
    languages = ["de", "fr", "is"]
    futures = [translate.submit(text, language) for language in languages]
    reviews = {}
    for language, future in zip(languages, futures):
        reviews[language] = review.submit(future)

    lines = []
    for position, (language, future) in enumerate(sorted(reviews.items()), start=1):
        lines.append(number.submit(position, future))
    return book(lines)


if __name__ == "__main__":
    translate_all()
