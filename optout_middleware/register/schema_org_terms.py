"""The terms of schema.org that credits are read from.

Rule of this file: tables only; what is made of them is in `schema_org`.
"""

from __future__ import annotations

KINDS: dict[str, frozenset[str]] = {  # in the order in which a page is read for them
    "music": frozenset({"MusicComposition", "MusicRecording", "MusicAlbum", "MusicRelease", "SheetMusic"}),
    "book": frozenset({"Book", "Audiobook", "Product"}),
    "text": frozenset(
        {"CreativeWork", "Article", "NewsArticle", "AnalysisNewsArticle", "OpinionNewsArticle", "ReportageNewsArticle"}
        | {"ReviewNewsArticle", "BackgroundNewsArticle", "AdvertiserContentArticle", "AskPublicNewsArticle", "Report"}
        | {"ScholarlyArticle", "MedicalScholarlyArticle", "TechArticle", "APIReference", "SatiricalArticle", "Thesis"}
        | {"SocialMediaPosting", "BlogPosting", "LiveBlogPosting", "DiscussionForumPosting", "Chapter", "ShortStory"}
        | {"Play", "Poem", "Recipe", "HowTo", "Guide", "Review", "Quotation", "Manuscript", "Legislation"}
    ),
    "media": frozenset(
        {"ImageObject", "Photograph", "Painting", "Drawing", "VisualArtwork", "Sculpture", "Poster", "CoverArt"}
        | {"VideoObject", "Movie", "TVEpisode", "Episode", "Clip", "MusicVideoObject", "ShortFilm"}
    ),
    "page": frozenset(
        {"WebPage", "ItemPage", "AboutPage", "CollectionPage", "MediaGallery", "ImageGallery", "VideoGallery"}
    ),
}
FILMS = frozenset({"VideoObject", "Movie", "TVEpisode", "Episode", "Clip", "MusicVideoObject", "ShortFilm"})
RECORDINGS = frozenset({"MusicRecording", "MusicAlbum", "MusicRelease"})
BESIDE: tuple[str, ...] = (  # what these name is not the page's own work
    "mentions", "about", "citation", "itemReviewed", "isBasedOn", "subjectOf", "hasPart", "image", "logo", "thumbnail",
    "primaryImageOfPage", "video", "trailer", "associatedMedia", "isRelatedTo", "isSimilarTo", "relatedLink", "inAlbum",
    "track", "tracks", "workExample", "exampleOfWork",
)  # fmt: skip
CREATORS: dict[str, dict[str, tuple[str, ...]]] = {  # the role that each property of a kind gives
    "writers": {
        "music": ("composer", "lyricist", "author"),
        "book": ("author", "creator", "translator", "illustrator"),
        "text": ("author", "creator", "translator"),
        "media": ("creator", "author", "director", "artist"),
        "page": ("author", "creator"),
    },
    "performers": {"music": ("byArtist", "performer")},
    "labels": {"music": ("recordLabel",)},
}
SCHEMES = {
    "iswcCode": "iswc", "iswc": "iswc", "isrcCode": "isrc", "isrc": "isrc", "isbn": "isbn", "issn": "issn",
    "doi": "doi", "ismn": "ismn", "titleEIDR": "eidr", "editEIDR": "eidr",
}  # fmt: skip
PARTY_SCHEMES = {"ipi": "ipi", "cae": "ipi", "isni": "isni"}
