window.YTD.tweets.part0 = [
 {"tweet": {"id_str": "1", "full_text": "@ben It rained &amp; see https://t.co/a https://t.co/b", "created_at": "Mon Jan 05 10:30:00 +0000 2004", "in_reply_to_screen_name": "ben", "in_reply_to_status_id_str": "9", "entities": {"urls": [{"url": "https://t.co/a", "expanded_url": "https://example.org"}], "media": [{"url": "https://t.co/b"}]}}},
 {"tweet": {"id_str": "2", "full_text": "RT @ben: No."}}]
